"""`tunelock check` as a person types it: does this lock hold here?"""

import json
import shutil
from pathlib import Path

import pytest

from lockfiles import lock
from tests.journeys.demo_folder import small, tunelock
from tests.planned import resealed


@pytest.fixture(scope="module")
def planned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = small(tmp_path_factory.mktemp("planned") / "demo")
    done = tunelock(made, "plan")
    assert done.returncode == 0, done.stderr
    return made


@pytest.fixture
def folder(planned: Path, tmp_path: Path) -> Path:
    """A copy of what was planned, to change."""
    return Path(shutil.copytree(planned, tmp_path / "copy"))


def test_a_lock_holds_where_it_was_planned_and_nothing_is_written(folder: Path) -> None:
    before = sorted(folder.rglob("*"))
    done = tunelock(folder, "check")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("`run.lock` can run here: model, template, rows and tokens")
    told = json.loads(tunelock(folder, "check", "--json").stdout)
    assert (told["holds"], told["compared"]) == (True, ["model", "template", "rows", "tokens"])
    assert sorted(folder.rglob("*")) == before


def test_a_lock_holds_elsewhere_when_its_inputs_are_located(folder: Path, tmp_path: Path) -> None:
    alone = tmp_path / "alone"
    alone.mkdir()
    shutil.copy(folder / "run.lock", alone / "run.lock")
    lost = tunelock(alone, "check")
    assert lost.returncode == 2
    assert lost.stderr.splitlines()[-1] == (
        "hint: add `--locate model=PATH --locate train=PATH --locate test=PATH`"
    )

    located = (
        "model=../copy/base",
        "train=../copy/rows/train.jsonl",
        "test=../copy/rows/test.jsonl",
    )
    options = [word for one in located for word in ("--locate", one)]
    found = tunelock(tmp_path / "alone", "check", *options)
    assert found.returncode == 0, found.stderr


def test_a_pair_that_is_none_is_wrong_usage(folder: Path) -> None:
    done = tunelock(folder, "check", "--locate", "model")
    assert done.returncode == 2
    assert "NAME=PATH" in done.stderr


def test_another_row_does_not_hold(folder: Path) -> None:
    path = folder / "rows" / "test.jsonl"
    path.write_text("".join(path.read_text("utf-8").splitlines(True)[1:]), "utf-8")
    done = tunelock(folder, "check")
    assert (done.returncode, done.stdout) == (5, "")
    assert "data.2.rows" in done.stderr
    assert "hint: " in done.stderr


def test_an_edited_intent_is_stale(folder: Path) -> None:
    small(folder, train__epochs=3)
    done = tunelock(folder, "check")
    assert done.returncode == 3
    assert "no longer matches" in done.stderr


def test_another_package_is_refused_under_exact_and_named_otherwise(folder: Path) -> None:
    made = lock.read(folder / "run.lock").training()
    other: dict[str, object] = {"packages": made.packages | {"tokenizers": "0.0.1"}}
    (folder / "run.lock").write_text(lock.write(resealed(made, other)), "utf-8")
    exact = tunelock(folder, "check")
    assert exact.returncode == tunelock(folder, "run", "--foreground").returncode == 4
    assert "promises bit-identical results with `tokenizers` 0.0.1" in exact.stderr

    other["exactness"] = made.exactness.model_copy(update={"exact": False})
    (folder / "run.lock").write_text(lock.write(resealed(made, other)), "utf-8")
    done = tunelock(folder, "check")
    assert done.returncode == 0
    assert "warning: packages.tokenizers is 0.0.1 in the lock" in done.stderr


def test_a_lock_edited_by_hand_does_not_hold(folder: Path) -> None:
    path = folder / "run.lock"
    text = path.read_text("utf-8")
    assert "learning_rate = 0.002" in text
    path.write_text(text.replace("learning_rate = 0.002", "learning_rate = 0.003"), "utf-8")
    for verb in (["check"], ["run", "--foreground"]):
        done = tunelock(folder, *verb)
        assert (done.returncode, done.stdout) == (5, "")
        assert "was edited after it was planned" in done.stderr
    assert not (folder / "runs").exists()


def test_hints_name_the_lock_that_was_given(folder: Path) -> None:
    jobs = folder / "jobs"
    jobs.mkdir()
    for ending in ("lock", "toml"):
        shutil.copy(folder / f"run.{ending}", jobs / f"small.{ending}")
    rows = folder / "rows" / "train.jsonl"
    rows.write_text("".join(rows.read_text("utf-8").splitlines(True)[1:]), "utf-8")
    places = [f"{name}=rows/{name}.jsonl" for name in ("train", "test")]
    located = [word for one in (*places, "model=base") for word in ("--locate", one)]
    done = tunelock(folder, "check", "jobs/small.lock", *located)
    assert done.returncode == 5
    assert done.stderr.splitlines()[-1].endswith("plan again: `tunelock plan jobs/small.toml`")


@pytest.mark.parametrize(
    ("line", "edited", "code"),
    [
        ("rank = 16", "rank = 17", 5),
        ("micro_batch = 16", "micro_batch = 8", 5),
        ("learning_rate = 0.002", "learning_rate = 0.001", 5),
        ("alpha = 32", "alpha = 16", 5),
        ("rank = 16", "rank = -1", 2),
    ],
)
def test_an_edited_lock_has_one_exit_code(folder: Path, line: str, edited: str, code: int) -> None:
    at = folder / "run.lock"
    before = at.read_text("utf-8")
    assert f"\n{line}\n" in before
    at.write_text(before.replace(f"\n{line}\n", f"\n{edited}\n"), "utf-8")
    done = tunelock(folder, "check")
    assert done.returncode == code
    assert done.stderr.startswith("error: The lock was edited after it was planned: ") == (
        code == 5
    )


def test_a_missing_lock_is_a_sentence_and_a_hint(tmp_path: Path) -> None:
    done = tunelock(tmp_path, "check")
    assert done.returncode == 2
    assert done.stderr == "error: `run.lock` does not exist.\nhint: ls .\n"


def test_what_is_compared_later_is_not_said_to_hold(folder: Path) -> None:
    made = lock.read(folder / "run.lock").training()
    online = made.model.model_copy(
        update={"source": "hf:someone/base", "revision": "main", "commit": "0" * 40}
    )
    (folder / "run.toml").unlink()
    (folder / "run.lock").write_text(lock.write(resealed(made, {"model": online})), "utf-8")
    options = ("--locate", "train=rows/train.jsonl", "--locate", "test=rows/test.jsonl")
    done = tunelock(folder, "check", *options)
    assert done.returncode == 0, done.stderr
    assert "holds" not in done.stdout
    assert "`tunelock run` verifies" in done.stdout
    assert json.loads(tunelock(folder, "check", *options, "--json").stdout)["compared"] == []
