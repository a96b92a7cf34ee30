"""Locks that a stranger wrote, with digests that fit: none sets, starts, sends or costs anything.

A lock's digests are no signature: whoever writes a lock can make them.
"""

import json
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from lockfiles import harmless, lock
from lockfiles import text as toml
from lockfiles.errors import UsageProblem
from planner.plan.integrity import integrity
from tests import programs
from tests.journeys.demo_folder import ENVIRONMENT, command, small, tunelock

VARIABLES: tuple[Mapping[str, str], ...] = (
    {"PYTHONWARNINGS": "error::Foo::webbrowser", "BROWSER": "touch MARK #%s"},
    {"PYTHONPATH": "."},
    {"PYTHONSTARTUP": "evil.py"},
    {"LD_PRELOAD": "./evil.so"},
    {"PATH": "."},
    {"HF_ENDPOINT": "http://127.0.0.1:9"},
    {"HTTPS_PROXY": "http://127.0.0.1:9"},
    {"CUBLAS_WORKSPACE_CONFIG": ":4096:8"},
    {"PYTORCH_ALLOC_CONF": "expandable_segments:True"},
    {"pytorch_alloc_conf": "x"},
)
VERBS = (("check",), ("run", "--foreground"), ("rehearse",), ("diff", "run.lock", "run.lock"))


@pytest.fixture(scope="module")
def planned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo, planned."""
    folder = small(tmp_path_factory.mktemp("trust"))
    assert tunelock(folder, "plan").returncode == 0
    return folder


@pytest.fixture
def rewrite(planned: Path) -> Callable[[Callable[[dict[str, Any]], object]], None]:
    """Return what changes the lock's tables and makes its digests for them."""
    own = lock.read(planned / "run.lock").model_dump()

    def rewrite(change: Callable[[dict[str, Any]], object]) -> None:
        tables = lock.of_tables(own).model_dump()
        change(tables)
        tables["integrity"] = integrity(tables)
        (planned / "hostile.lock").write_text(toml.write(tables), "utf-8")

    return rewrite


def refused(folder: Path) -> str:
    """Return the one sentence with which the hostile lock is refused, before anything else."""
    with pytest.raises(UsageProblem) as caught:
        lock.read(folder / "hostile.lock")
    assert harmless.is_harmless(caught.value.message)
    return caught.value.message


@pytest.mark.parametrize("variables", VARIABLES, ids=lambda one: next(iter(one)))
def test_a_lock_sets_no_variable(
    planned: Path, rewrite: Callable[..., None], variables: dict[str, str]
) -> None:
    rewrite(lambda tables: tables["exactness"]["environment"].update(variables))
    assert f"`exactness.environment.{next(iter(variables))}` on line" in refused(planned)


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb[0])
def test_every_command_that_reads_a_lock_refuses_it(
    planned: Path, rewrite: Callable[..., None], verb: tuple[str, ...]
) -> None:
    rewrite(lambda tables: tables["exactness"]["environment"].update(VARIABLES[0]))
    arguments = [one.replace("run.lock", "hostile.lock") for one in verb[1:]]
    if verb[0] != "diff":
        arguments.append("hostile.lock")
    done = tunelock(planned, verb[0], *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    error, hint = done.stderr.splitlines()
    assert error.startswith("error: ") and "not a variable that a lock may set" in error
    assert hint == "hint: tunelock plan run.toml"
    assert not (planned / "MARK").exists()


CHANGES: tuple[Callable[[dict[str, Any]], object], ...] = (
    lambda t: t["train"].update(epochs=10**12),
    lambda t: t["model"]["architecture"].update(layers=10**9),
    lambda t: t["model"].update(source="local:UNKNOWN"),
    lambda t: t["model"].update(files=[]),
    lambda t: t["model"]["files"].append(t["model"]["files"][0] | {"name": "evil.py"}),
    lambda t: t["decision"].update(overridden="\x1b]0;forged\x07"),
    lambda t: t["decision"].update(reasons=["ok\nerror: forged"]),
    lambda t: t["why"].update({"method.rank": "\u202etxt"}),
    lambda t: t["data"].clear(),
    lambda t: t["stage"].clear(),
    lambda t: t["stage"][2]["settings"].update(rows="train"),
    lambda t: t["stage"][4]["settings"].update(levels=["../../x"]),
    lambda t: t["stage"][1]["settings"].update(command="sh"),
    lambda t: t["intent"].update(name="../../x"),
    lambda t: t["stream"].update(rows=10**400),
)


@pytest.mark.parametrize("change", CHANGES, ids=range(len(CHANGES)))
def test_what_makes_no_sense_is_one_sentence(
    planned: Path, rewrite: Callable[..., None], change: Callable[[dict[str, Any]], object]
) -> None:
    rewrite(change)
    refused(planned)


@pytest.mark.parametrize(
    "text",
    [
        "".join(f"a{n} = 1\n" for n in range(110_000)),
        "[intent.origin]\n" + "".join(f"a{n} = 1\n" for n in range(110_000)),
        "#" * 100_000_000,
    ],
    ids=["keys", "origins", "100 MB"],
)
def test_checking_a_lock_has_a_bound(tmp_path: Path, text: str) -> None:
    """Below 2 s of work and 300 MB, whatever the file holds."""
    (tmp_path / "run.lock").write_text(text, "utf-8")
    used = tmp_path / "used.json"
    measured = programs.command("measure", used, *command("check"))
    subprocess.run(measured, cwd=tmp_path, env=ENVIRONMENT, capture_output=True, check=True)
    code, _, seconds, size = json.loads(used.read_text("utf-8"))
    assert (code, size < 300_000 * 1024, seconds < 2) == (2, True, True), (code, size, seconds)
