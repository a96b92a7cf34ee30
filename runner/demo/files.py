"""The demo as files: the built-in base model, real rows, and a `run.toml` that tunes it on them."""

import shutil
from pathlib import Path

from lockfiles import intent
from lockfiles.errors import UsageProblem
from lockfiles.files import write_whole
from lockfiles.fixes import Command
from planner.interview.answers import check, given

ANSWERS: dict[str, object] = {
    "goal.name": "demo",
    "goal.prompting": "falls-short",
    "goal.repetitive_task": True,
    "data.train": "rows/train.jsonl",
    "data.test": "rows/test.jsonl",
    "model.source": "base",
    "machine.device": "cpu",
    "train.epochs": 4,
    "train.learning_rate": 2e-3,
    "train.exact": True,
    "results.gguf": ["q8_0"],
}
"""The answers for the demo's task: naming a customer's intent."""

_SHIPPED = Path(__file__).parent


def write(folder: Path) -> Path:
    """Write the base model, the rows and `run.toml` to a folder, and return the path of the last.

    Other files there are kept. Raises UsageProblem if the folder cannot be written.
    """
    try:
        for name in ("base", "rows"):
            (folder / name).mkdir(parents=True, exist_ok=True)
            for one in (_SHIPPED / name).iterdir():
                shutil.copyfile(one, folder / name / one.name)
        path = folder / "run.toml"
        write_whole(path, intent.write(given(check(ANSWERS, {}))).encode())
    except OSError as problem:
        raise UsageProblem(
            f"`{folder}` cannot be written: {problem.strerror}.",
            fix=Command("tunelock demo --into DIR", note="with a folder of your own"),
        ) from None
    return path
