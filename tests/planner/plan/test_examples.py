"""Each file in `examples/` is planned: with the built-in model and its rows in place of its own."""

import csv
import json
from pathlib import Path

import pytest

from lockfiles import intent
from lockfiles.lock import Lock, TrainingLock
from planner.interview.answers import Answers, check
from planner.machines import saved as saved_facts
from planner.plan import export
from planner.plan.gather import gather, model_facts
from planner.plan.plan import plan
from runner.demo import files
from tests.planned import MACHINE

EXAMPLES = Path(__file__).parents[3] / "examples"
FILES = sorted(EXAMPLES.glob("*.toml"))
CONTEXT = 256
"""Tokens that the demo's model sees."""
ROWS = {
    "data.train": ("train.jsonl", 0, 5),
    "data.validation": ("train.jsonl", 1, 25),
    "data.test": ("test.jsonl", 0, 10),
    "data.general": ("train.jsonl", 2, 25),
}
"""The rows that replace those of an answer: the demo's file, the first row, each so many."""


def answered(path: Path) -> Answers:
    """Return the answers of an example, unchanged."""
    raw = intent.read(path)
    return check(raw.values, raw.lines, name=raw.name)


def standing_in(asked: Answers, folder: Path) -> Answers:
    """Return the answers with the demo's files in place of their own, and a length it can see."""
    files.write(folder)
    changed: dict[str, object] = {"model.source": "base", "model.revision": "main"}
    for key, (name, start, every) in ROWS.items():
        rows = (folder / "rows" / name).read_text("utf-8").splitlines()[start::every]
        if place := asked.text(key):
            changed[key] = (
                f"{key}.jsonl" if place.startswith("hf:") else f"{key}-{Path(place).name}"
            )
            _lay(rows, folder / str(changed[key]), asked)
    if asked.trains:
        changed["train.max_length"] = min(asked.integer("train.max_length"), CONTEXT)
    return check({**asked, **changed, "machine.facts": ""}, {})


def _lay(rows: list[str], path: Path, asked: Answers) -> None:
    """Write rows of the demo where an example expects its own, in the form that it expects."""
    if path.suffix != ".csv":
        path.write_text("\n".join(rows) + "\n", "utf-8")
        return
    turns = [json.loads(row)["messages"] for row in rows]
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow([asked.text("data.prompt_column"), asked.text("data.completion_column")])
        writer.writerows([one[-2]["content"], one[-1]["content"]] for one in turns)


def planned(path: Path, folder: Path) -> Lock:
    """Return the plan of an example, for the machine that it names or a small CPU."""
    asked = answered(path)
    saved = asked.text("machine.facts")
    machine = saved_facts.load(EXAMPLES / saved) if saved else MACHINE
    stand_in = standing_in(asked, folder)
    if not asked.trains:
        return export.plan(stand_in, model_facts(stand_in, folder)[0])
    return plan(stand_in, gather(stand_in, folder, machine=machine))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_an_example_is_planned(path: Path, tmp_path: Path) -> None:
    asked, lock = answered(path), planned(path, tmp_path)
    assert lock.intent.name == asked.text("goal.name")
    assert isinstance(lock, TrainingLock) == asked.trains
    if asked.text("method.kind") != "auto":
        assert lock.training().method.kind == asked.text("method.kind")
    stages = [one.id for one in lock.stage]
    assert ("gguf" in stages) == bool(asked.chosen("results.gguf"))
    assert ("push" in stages) == bool(asked.text("results.push_to"))
    assert {one.split for one in lock.splits} >= {key[5:] for key in ROWS if asked.text(key)}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_an_example_says_first_what_it_is(path: Path) -> None:
    assert path.read_text("utf-8").startswith("# ")


def test_the_demo_is_the_demo() -> None:
    assert dict(answered(EXAMPLES / "demo.toml")) == dict(check(files.ANSWERS, {}))


def test_rows_are_mended_as_the_example_says(tmp_path: Path) -> None:
    lock = planned(EXAMPLES / "clean-data.toml", tmp_path).training()
    assert ("dedupe", "train") in {(one.step, one.source) for one in lock.fix}
