"""The command line as a person types it: real processes, their output and exit codes."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from lockfiles import lock
from tests import forked
from tests.lockfiles.samples import LOCK
from tests.programs import command
from tui.text.hardware import torch_command

FORBIDDEN_IN_HELP = ("textual", "pydantic", "huggingface_hub", "torch")


def tunelock(
    *arguments: str, folder: Path | None = None, timeout: float = 60
) -> subprocess.CompletedProcess[str]:
    if forked.forks(*arguments):
        return forked.run(*arguments, folder=folder, environment=os.environ, timeout=timeout)
    program = [sys.executable, "-P", "-c", "from tui.cli import main; main()", *arguments]
    return subprocess.run(program, capture_output=True, text=True, cwd=folder, timeout=timeout)


def test_help_imports_nothing_heavy() -> None:
    program = command("loaded_by_command", ",".join(FORBIDDEN_IN_HELP), "--help")
    done = subprocess.run(program, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    assert "diff" in found["output"]
    assert found["loaded"] == []


@pytest.mark.parametrize("floor", ["lockfiles", "planner"])
def test_the_lower_floors_load_no_training_stack(floor: str) -> None:
    done = subprocess.run(command("loaded_by_floor", floor), capture_output=True, text=True)
    assert done.stdout == "[]\n", done.stderr


def test_an_unknown_command_names_the_nearest() -> None:
    done = tunelock("docter")
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        "error: `docter` is not a tunelock command; did you mean `doctor`?",
        "hint: tunelock --help",
    ]


def test_diff_groups_by_what_changes(tmp_path: Path) -> None:
    changed = LOCK.model_copy(
        update={"train": LOCK.train.model_copy(update={"learning_rate": 1e-4})}
    )
    (tmp_path / "a.lock").write_text(lock.write(LOCK))
    (tmp_path / "b.lock").write_text(lock.write(changed))
    done = tunelock("diff", "a.lock", "b.lock", folder=tmp_path)
    assert done.stdout == "changes weights\n  ~ train.learning_rate  0.0002 → 0.0001\n"
    assert tunelock("diff", "a.lock", "a.lock", folder=tmp_path).stdout == "the locks are equal\n"
    as_json = json.loads(tunelock("diff", "a.lock", "b.lock", "--json", folder=tmp_path).stdout)
    assert as_json[0]["field"] == "train.learning_rate"


def test_a_missing_lock_is_a_sentence_and_a_hint(tmp_path: Path) -> None:
    done = tunelock("diff", "a.lock", "b.lock", folder=tmp_path)
    assert done.returncode == 2
    assert done.stderr == "error: `a.lock` does not exist.\nhint: ls .\n"


def test_doctor_names_what_is_there() -> None:
    found = {item["what"]: item for item in json.loads(tunelock("doctor", "--json").stdout)}
    assert found["python"]["found"].startswith("3.")
    assert found["transformers"]["found"] or found["transformers"]["mend"]


@pytest.mark.parametrize(
    ("driver", "tag"),
    [(None, "cpu"), (13020, "cu130"), (12080, "cu128"), (12070, "cu126"), (11080, "cpu")],
)
def test_the_right_torch_for_the_driver(driver: int | None, tag: str) -> None:
    assert torch_command(driver).endswith(f"/{tag}")
