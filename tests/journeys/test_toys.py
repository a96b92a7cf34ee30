"""The proof of the registries: an objective and a kind of stage, each added to a copy by a patch.

A patch adds modules of the toy's name, and one line to the closed table of its registry. All that
the program does with the toy follows from these: questions, lock, plan, run, receipt and report.
"""

import json
import os
import shutil
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from lockfiles import receipt
from runner.runs.events import Event, read
from tests.journeys.demo_folder import ENVIRONMENT, command
from tests.journeys.test_export import killed_in
from tests.journeys.test_run import run_at
from tests.programs import words

pytest.importorskip("trl")
pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
SHORT = {"train__epochs": 1, "results__merge": False, "results__gguf": []}
"""Answers with which a run is short."""
MADE = ("planner.interview.schema", "tests.docs_made")
"""The programs that write what follows from the questions and the types of a lock."""
ENUMERATING = (
    "tests/test_house.py", "tests/lockfiles/test_compare.py", "tests/lockfiles/test_objective.py",
    "tests/lockfiles/test_revisions.py", "tests/planner/interview", "tests/planner/pipeline",
    "tests/planner/plan/test_integrity.py", "tests/planner/plan/test_export.py",
    "tests/docs_made/test_pages.py",
)  # fmt: skip
"""The tests that go through the registries, or compare with what is made from them."""
LINT = "from importlinter.cli import lint_imports_command as main; main()"


@dataclass(frozen=True)
class Copy:
    """A copy of this repository with a toy."""

    root: Path

    @property
    def environment(self) -> dict[str, str]:
        """Variables with which Python finds the copy's floors first."""
        return ENVIRONMENT | {"PYTHONPATH": str(self.root), "HF_HUB_DISABLE_TELEMETRY": "1"}

    def python(self, *arguments: str, cwd: Path | None = None) -> str:
        """Return what Python prints, with the copy's floors. Fails where it fails."""
        done = subprocess.run(
            [sys.executable, "-P", *arguments], cwd=cwd or self.root, env=self.environment,
            capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode == 0, (done.stdout + done.stderr)[-5000:]
        return done.stdout

    def tunelock(self, folder: Path, *arguments: str) -> str:
        """Return what a command prints."""
        return self.python(*command(*arguments)[2:], cwd=folder)

    def demo(self, folder: Path, **changes: object) -> Path:
        """Write a small demo with a few changed answers, and plan it."""
        self.python(*words("small_demo", folder, json.dumps(SHORT | changes))[1:])
        self.tunelock(folder, "plan")
        return folder

    def in_wizard(self, folder: Path, **changes: object) -> str:
        """Answer in the wizard, by its keys, and return the screens."""
        return self.python(*words("answer_in_wizard", folder, json.dumps(changes))[1:])


def copied(folder: Path, toy: str) -> Copy:
    """Copy the tracked files of the repository, apply a toy's patch and make what follows."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True)
    for name in listed.stdout.decode().rstrip("\0").split("\0"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, folder / name)
    alone = os.environ | {"GIT_CEILING_DIRECTORIES": str(folder.parent)}
    subprocess.run(["git", "apply", patch(toy)], cwd=folder, check=True, env=alone)
    copy = Copy(folder)
    for program in MADE:
        copy.python("-m", program)
    assert copy.python("-c", "import tui; print(tui.__file__)").startswith(str(folder))
    return copy


def patch(toy: str) -> str:
    """Return the path of a toy's patch."""
    return str(ROOT / "tests" / "toys" / f"{toy}.patch")


@pytest.fixture(scope="module")
def doubled(tmp_path_factory: pytest.TempPathFactory) -> Copy:
    """The copy whose objectives have one more, `doubled`."""
    return copied(tmp_path_factory.mktemp("doubled"), "objective")


@pytest.fixture(scope="module")
def counting(tmp_path_factory: pytest.TempPathFactory) -> Copy:
    """The copy whose kinds of stages have one more, `count`."""
    return copied(tmp_path_factory.mktemp("counting"), "stage_kind")


def lock_of(folder: Path) -> dict[str, Any]:
    """Return the tables of a folder's lock."""
    return tomllib.loads((folder / "run.lock").read_text("utf-8"))


def answers_of(folder: Path) -> dict[str, Any]:
    """Return the tables of a folder's `run.toml`."""
    return tomllib.loads((folder / "run.toml").read_text("utf-8"))


def events(run: Path, kind: str) -> list[Event]:
    """Return a run's events of a kind."""
    return [one for one in read(run / "events.jsonl")[0] if one.kind == kind]


@pytest.mark.parametrize(
    ("toy", "name", "table", "rooms"),
    [
        (
            "objective", "doubled", "lockfiles/objectives/__init__.py",
            {"lockfiles/objectives", "planner/objectives", "runner/training"},
        ),
        (
            "stage_kind", "count", "lockfiles/stage_kinds/__init__.py",
            {"lockfiles/stage_kinds", "planner/pipeline", "runner/stage_kinds", "runner/stages"},
        ),
    ],
)  # fmt: skip
def test_a_toy_touches_one_line_besides_its_own_files(
    toy: str, name: str, table: str, rooms: set[str]
) -> None:
    counted = subprocess.run(
        ["git", "apply", "--numstat", patch(toy)],
        cwd=ROOT, check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    lines = {path: (added, cut) for added, cut, path in map(str.split, counted.splitlines())}
    own = {path for path in lines if not (ROOT / path).exists()}
    assert own == {f"{room}/{name}.py" for room in rooms}
    assert {path: lines[path] for path in lines.keys() - own} == {table: ("1", "0")}


@pytest.mark.parametrize("toy", ["doubled", "counting"])
def test_the_tests_of_the_registries_take_a_toy_as_it_is(
    toy: str, request: pytest.FixtureRequest
) -> None:
    copy: Copy = request.getfixturevalue(toy)
    own = {"doubled": ["tests/runner/training/test_objectives.py"]}.get(toy, [])
    copy.python("-m", "pytest", "-q", "-p", "no:cacheprovider", *ENUMERATING, *own)
    assert "0 broken" in copy.python("-c", LINT)


def test_an_objective_that_is_added_is_planned_trained_and_reported(
    doubled: Copy, tmp_path: Path
) -> None:
    plain = doubled.demo(tmp_path / "plain", results__evaluate=False)
    twice = doubled.demo(tmp_path / "twice", results__evaluate=False, method__objective="doubled")
    assert lock_of(plain)["objective"] == {"name": "sft"}
    assert lock_of(twice)["objective"] == {"name": "doubled", "factor": 2.0}
    assert lock_of(twice)["intent"]["origin"]["method.factor"] == "default"
    assert "objective doubled fine-tuning, factor 2.0" in doubled.tunelock(twice, "plan")
    doubled.tunelock(twice, "check")
    shown = doubled.tunelock(tmp_path, "diff", "plain/run.lock", "twice/run.lock")
    assert "objective.name  sft → doubled" in shown.partition("changes speed")[0]
    assert "objective.factor" in shown

    losses = []
    for folder in (plain, twice):
        doubled.tunelock(folder, "run", "--foreground")
        losses.append([one.fields["loss"] for one in events(run_at(folder / "runs"), "step")])
    assert losses[1][0] == pytest.approx(2 * losses[0][0], rel=1e-6)
    run = run_at(twice / "runs")
    assert receipt.read(run / "receipt.json").objective == "doubled"
    page = (run / "report.html").read_text("utf-8")
    assert "Objective: doubled fine-tuning, <code>doubled</code>" in page


def test_the_wizard_asks_for_an_objective_that_is_added(doubled: Copy, tmp_path: Path) -> None:
    changes = {"method__objective": "doubled", "method__factor": 3.0}
    screens = doubled.in_wizard(tmp_path, **changes)
    assert "Objective" in screens and "Factor of the loss" in screens
    assert answers_of(tmp_path)["method"] == {"objective": "doubled", "rank": 8, "factor": 3.0}
    assert lock_of(tmp_path)["objective"] == {"name": "doubled", "factor": 3.0}
    schema = json.loads((doubled.root / "planner" / "run.schema.json").read_text("utf-8"))
    method = schema["properties"]["method"]["properties"]
    assert method["objective"]["enum"] == ["sft", "doubled"] and method["factor"]["maximum"] == 10


def test_a_kind_of_stage_that_is_added_runs_resumes_and_is_reported(
    counting: Copy, tmp_path: Path
) -> None:
    plain = counting.demo(tmp_path / "plain", results__evaluate=False)
    folder = counting.demo(tmp_path / "more", results__evaluate=False, results__count=True)
    stages = [(one["id"], one["inputs"]) for one in lock_of(folder)["stage"]]
    assert stages == [
        ("prepare", []), ("train", []), ("count", ["prepare"]),
        ("report", ["prepare", "train", "count"]),
    ]  # fmt: skip
    assert (
        lock_of(folder)["integrity"].items()
        > {
            key: value for key, value in lock_of(plain)["integrity"].items() if key != "report"
        }.items()
    )
    counting.tunelock(folder, "check")
    shown = counting.tunelock(tmp_path, "diff", "plain/run.lock", "more/run.lock")
    assert "stage.count.kind  (none) → count" in shown.partition("changes exports")[2]

    run = killed_in(folder, "count", environment=counting.environment)
    assert not (run / "stages" / "03-count").exists()
    counting.tunelock(folder, "run", "--foreground")
    file = run / "stages" / "03-count" / "count.json"
    before = file.stat().st_mtime_ns
    assert json.loads(file.read_text("utf-8")).keys() == {"vocabulary", "template"}
    counting.tunelock(folder, "run", "--foreground")
    assert file.stat().st_mtime_ns == before
    assert [one.stage for one in events(run, "done")][:4] == ["prepare", "train", "count", "report"]

    made = receipt.read(run / "receipt.json").artifacts
    assert [(one.stage, one.what, one.size) for one in made if one.stage != "train"] == [
        ("count", "token counts", file.stat().st_size)
    ]
    page = (run / "report.html").read_text("utf-8")
    assert "<td>token counts</td><td><code>stages/03-count/count.json</code></td>" in page
    told = counting.tunelock(folder, "status")
    assert f"token counts: runs/{run.name}/stages/03-count/count.json" in told


def test_a_kind_of_stage_that_is_added_runs_without_training(
    counting: Copy, tmp_path: Path
) -> None:
    counting.demo(tmp_path)
    (tmp_path / "run.toml").write_text(
        '[model]\nsource = "base"\n\n[results]\ncount = true\n', "utf-8"
    )
    assert "prepare → count → report" in counting.tunelock(tmp_path, "plan")
    with pytest.raises(AssertionError, match="`push` needs the result of `gguf`, but the run has"):
        pushing = (tmp_path / "run.toml").read_text("utf-8") + 'push_to = "someone/base"\n'
        (tmp_path / "push.toml").write_text(pushing, "utf-8")
        counting.tunelock(tmp_path, "plan", "push.toml")
    counting.tunelock(tmp_path, "run", "--foreground")
    run = run_at(tmp_path / "runs")
    assert [one.what for one in receipt.read(run / "receipt.json").artifacts] == ["token counts"]


def test_the_wizard_asks_for_a_kind_of_stage_that_is_added(counting: Copy, tmp_path: Path) -> None:
    screens = counting.in_wizard(tmp_path, results__count=True)
    assert "Count the tokens of the base model?" in screens
    assert answers_of(tmp_path)["results"]["count"] is True
    assert "count" in [one["id"] for one in lock_of(tmp_path)["stage"]]
    schema = json.loads((counting.root / "planner" / "run.schema.json").read_text("utf-8"))
    assert schema["properties"]["results"]["properties"]["count"]["type"] == "boolean"
