"""The demo's files in a folder, and the answers that tune on them."""

import shutil
from pathlib import Path

from planner.interview.decision import Decision, decide
from tests.planned import thinned
from tui.session.draft import Draft, fresh
from tui.session.facts import Facts

DEMO = Path(__file__).parents[3] / "runner" / "demo"

ANSWERS: dict[str, object] = {
    "goal.name": "support-bot",
    "goal.prompting": "falls-short",
    "goal.consistent_behaviour": True,
    "goal.repetitive_task": True,
    "data.train": "rows/train.jsonl",
    "data.test": "rows/test.jsonl",
    "model.source": "base",
    "machine.device": "cpu",
    "method.rank": 8,
    "train.epochs": 2,
    "train.learning_rate": 0.001,
    "results.gguf": ("f16", "q8_0"),
}


def lay_out(folder: Path, every: int = 1) -> Path:
    """Copy the demo's model, and one in `every` of its rows, into a folder."""
    for name in ("base", "rows"):
        shutil.copytree(DEMO / name, folder / name)
    return thinned(folder, train=every, test=every)


def answered(**changed: object) -> Draft:
    """Return the draft of the demo's answers, some of them changed (`data__train="x"`)."""
    named = {key.replace("__", "."): value for key, value in changed.items()}
    return fresh(ANSWERS | named)


def facts(folder: Path) -> Facts:
    """Return the facts of a folder that holds the demo's files."""
    return Facts(lay_out(folder))


def against(examples: int = 40) -> Decision:
    """Return a verdict against fine-tuning."""
    return decide(answered().values, examples)
