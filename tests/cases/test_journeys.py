"""Published data sets, from their file to a lock, without an answer about columns."""

from pathlib import Path

import pytest

import runner.demo
from tests.cases import journey, rows, seen
from tests.cases.journey import END, JOURNEYS

DATA = Path(__file__).parents[1] / "data"
DEMO = Path(runner.demo.__file__).parent / "rows" / "train.jsonl"
SOURCES = {"clinc150": DEMO, "text,label": DEMO, "gsm8k": DATA / "gsm8k.short.jsonl"}


@pytest.mark.parametrize("name", JOURNEYS)
def test_a_file_becomes_a_lock(tmp_path: Path, base: Path, name: str) -> None:
    take, _ = JOURNEYS[name]
    found, answer = take(tmp_path, base, SOURCES[name])
    seen.check_scored(found, f"{answer}{END}")


def test_labels_of_a_table_keep_their_balance(tmp_path: Path, base: Path) -> None:
    """Both sides of the split have the same share of each label, as rows of messages do."""
    found, _ = journey.table(tmp_path, base, SOURCES["text,label"])
    assert found.locked, found.plan.err
    assert "the same share of each label" in found.plan.text


@pytest.mark.parametrize(("prompt", "completion"), [
    ("question", "answer"), ("query", "response"), ("input", "output"), ("Question", "Answer"),
])  # fmt: skip
def test_questions_with_answers_need_no_mapping(
    tmp_path: Path, base: Path, prompt: str, completion: str
) -> None:
    """GSM8K has `question` and `answer`; other sets have other pairs of names that are as clear."""
    made = [
        {prompt: row["question"], completion: row["answer"]}
        for row in journey.lines(SOURCES["gsm8k"])
    ]
    rows.jsonl(tmp_path / "rows.jsonl", made)
    found = seen.seen(tmp_path, "rows.jsonl", base)
    seen.check_scored(found, f"{made[0][completion]}{END}")
