"""Held-out rows that are training rows too: named by the plan wherever it is shown."""

import json
from pathlib import Path

import pytest

from lockfiles.lock import TrainingLock
from planner.plan.gather import gather
from planner.plan.plan import plan
from tests.planned import MACHINE, answers, few_rows
from tui.session.panels import review
from tui.text import plan as shown

VALUES = {"data.train": "rows/train.jsonl", "model.source": "base"}


def leaking(folder: Path, *, exact: int, near: int) -> Path:
    """Replace test rows by training rows, some with another punctuation of the prompt.

    One more row of the demo's test rows is nearly a training row.
    """
    train, test = (few_rows(folder) / "rows" / f"{name}.jsonl" for name in ("train", "test"))
    lines = train.read_text("utf-8").splitlines()
    rows = [json.loads(line) for line in lines[: exact + near]]
    for row in rows[exact:]:
        row["messages"][1]["content"] = row["messages"][1]["content"].capitalize() + "?!"
    kept = test.read_text("utf-8").splitlines()[exact + near :]
    text = "\n".join([*(json.dumps(row) for row in rows), *kept])
    test.write_text(f"{text}\n", "utf-8")
    return folder


def planned(folder: Path, **changes: object) -> TrainingLock:
    asked = answers(**changes)
    return plan(asked, gather(asked, folder, machine=MACHINE))


@pytest.mark.parametrize(
    ("exact", "near", "said"),
    [
        (3, 4, "7 of 90 test rows are also training rows, 3 of them word for word:"),
        (2, 0, "3 of 90 test rows are also training rows, 2 of them word for word:"),
        (0, 4, "5 of 90 test rows are also training rows, nearly word for word:"),
        (0, 0, "1 of 90 test rows is also a training row, nearly word for word:"),
    ],
)
def test_a_leak_stands_in_lock_plan_and_review(
    exact: int, near: int, said: str, tmp_path: Path
) -> None:
    lock = planned(leaking(tmp_path, exact=exact, near=near))
    assert lock.why["data.rows"].startswith(said)
    panel = review.render(
        lock, VALUES, stale_steps=(), answer_lines=(), answers_file="run.toml"
    )  # fmt: skip
    for text in ("\n".join(shown.page(lock)), panel):
        assert said in " ".join(text.split())


def test_leaked_rows_that_are_left_out_are_counted(tmp_path: Path) -> None:
    lock = planned(leaking(tmp_path, exact=3, near=4), data__drop=["leak"])
    assert "7 rows of `train` that are also held out were left out." in lock.why["data.rows"]
    assert "test rows are" not in lock.why["data.rows"]


def test_rows_that_do_not_leak_are_not_mentioned(tmp_path: Path) -> None:
    assert "data.rows" not in planned(few_rows(tmp_path), data__test="").why
