"""What is measured is held out, whatever a lock or an intent calls it."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from lockfiles import lock
from lockfiles import text as toml
from lockfiles.errors import DataRefused, UsageProblem
from planner.data.corpus import held_out
from planner.plan.gather import gather
from planner.plan.integrity import integrity
from planner.plan.plan import plan
from runner.inputs import verify
from tests.journeys.demo_folder import small
from tests.planned import MACHINE, answers

ROWS = {"train": "rows/train.jsonl", "test": "rows/test.jsonl"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return small(tmp_path)


def rewritten(folder: Path, change: Callable[[list[str], list[str]], list[str]]) -> None:
    """Replace the test rows by what `change` makes of the training's and of theirs."""
    train, test = ((folder / path).read_text("utf-8").splitlines() for path in ROWS.values())
    (folder / ROWS["test"]).write_text("".join(f"{row}\n" for row in change(train, test)), "utf-8")


@pytest.mark.parametrize(
    "change",
    [
        lambda train, test: train,
        lambda train, test: train[::-1],
        lambda train, test: train[:7] + train[:7],
        lambda train, test: [json.dumps(json.loads(row), indent=None) for row in train[:20]],
    ],
    ids=["the same file", "another order", "a part, twice", "other bytes"],
)
def test_training_rows_are_no_test_rows(
    folder: Path, change: Callable[[list[str], list[str]], list[str]]
) -> None:
    rewritten(folder, change)
    with pytest.raises(DataRefused, match="test rows are also training rows, so none is"):
        gather(answers(data__validation_fraction=0.0), folder, machine=MACHINE)


def test_some_training_rows_among_the_test_rows_are_said(folder: Path) -> None:
    rewritten(folder, lambda train, test: train[:5] + test)
    made = answers(data__validation_fraction=0.0, train__epochs=1)
    facts = gather(made, folder, machine=MACHINE)
    planned = plan(made, facts)
    assert planned.why["data.rows"].startswith(
        "6 of 50 test rows are also training rows, 5 of them word for word"
    )


def test_a_lock_cannot_call_them_held_out(folder: Path) -> None:
    """The digests of a lock that names its training rows as test rows are all in order."""
    made = answers(data__validation_fraction=0.0, train__epochs=1)
    raw = plan(made, gather(made, folder, machine=MACHINE)).model_dump()
    train, test = raw["data"]
    for key in ("sha256", "tokens_sha256"):
        other = raw | {"data": [train, test | {key: train[key]}]}
        with pytest.raises(UsageProblem, match="the `test` rows are not held out"):
            lock.parse(toml.write(other | {"integrity": integrity(other)}))
    raw["stage"][2]["settings"]["rows"] = "train"
    with pytest.raises(UsageProblem, match="must be held-out rows: `test` or `validation`"):
        lock.parse(toml.write(raw | {"integrity": integrity(raw)}))


def test_a_run_counts_them_again(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rewritten(folder, lambda train, test: train[::-1])
    made = answers(data__validation_fraction=0.0, train__epochs=1)
    with monkeypatch.context() as patched:
        patched.setattr(held_out, "check", lambda rows: None)
        forged = plan(made, gather(made, folder, machine=MACHINE))
    places = {name: folder / path for name, path in ROWS.items()}
    with pytest.raises(DataRefused, match="so none is held out"):
        verify.corpus_of(forged, folder / "base", places)
