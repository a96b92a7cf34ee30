"""A classification file and bad rows, from file to lock, and prepared again from the lock."""

from pathlib import Path

import pytest

from lockfiles import lock as locks
from lockfiles.errors import DataRefused, DigestDiffers
from lockfiles.lock import TrainingLock
from planner.interview.answers import check
from planner.plan.gather import gather
from planner.plan.plan import plan
from runner.inputs import verify
from tests.planned import MACHINE, few_rows
from tests.planner.data.reading.labelled_rows import as_csv, pairs

PAIRS, TEST = pairs(every=3), pairs("test", every=10)
LABELS = sorted({label for _, label in PAIRS})
ANSWERS: dict[str, object] = {
    "goal.name": "intents",
    "goal.prompting": "falls-short",
    "data.train": "train.csv",
    "data.test": "test.csv",
    "model.source": "base",
    "train.epochs": 1,
}


def laid_out(folder: Path) -> Path:
    """Write the demo's model, and its rows as two CSV files."""
    few_rows(folder)
    as_csv(folder / "train.csv", ("text", "category"), PAIRS, ";")
    as_csv(folder / "test.csv", ("text", "category"), TEST, ";")
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return laid_out(tmp_path)


def planned(folder: Path, **changes: object) -> TrainingLock:
    named = {key.replace("__", "."): value for key, value in changes.items()}
    answers = check(ANSWERS | named, {})
    made = plan(answers, gather(answers, folder, machine=MACHINE))
    assert locks.parse(locks.write(made)) == made
    return made


def prepared(lock: TrainingLock, folder: Path) -> None:
    places = {"train": folder / "train.csv", "test": folder / "test.csv"}
    verify.check_whole(lock)
    verify.corpus_of(lock, folder / "base", places)


def test_a_classification_needs_no_answer_about_columns(lock: TrainingLock, folder: Path) -> None:
    assert [part.format for part in lock.data] == ["classification"] * 3
    train = lock.data[0]
    assert (train.prompt_column, train.completion_column) == ("text", "category")
    assert train.labels == LABELS and not lock.data[1].labels
    listed = ", ".join(LABELS)
    said = f"Classify the text. Reply with one of these labels and nothing else: {listed}"
    assert {part.system for part in lock.data} == {said}
    assert lock.why["data.format"].startswith("A classification: the texts are in `text`, and")
    assert lock.why["data.system"].endswith("lists the labels.")
    prepared(lock, folder)


def test_the_instruction_is_the_system_message_that_is_given(folder: Path) -> None:
    lock = planned(folder, data__system="Name the intent.")
    assert lock.data[0].system == "Name the intent."
    assert lock.why["data.system"] == "Your system message is used as the instruction."
    prepared(lock, folder)


def test_labels_are_counted_in_tokens_of_the_model(folder: Path) -> None:
    texts = [text for text, _ in PAIRS * 4]
    texts = [text for text, _ in PAIRS * 4]
    rows = [(f"{text} {n % 90}", f"label-{n % 90:02}-0123456789") for n, text in enumerate(texts)]
    as_csv(folder / "train.csv", ("text", "category"), rows, ";")
    as_csv(folder / "test.csv", ("text", "category"), rows[:90], ";")
    lock = planned(folder)
    assert lock.data[0].system == "Classify the text. Reply with its label and nothing else."
    assert "they take more than 200 tokens" in lock.why["data.system"]
    prepared(lock, folder)


def test_labels_of_test_rows_alone_are_said(folder: Path) -> None:
    as_csv(folder / "test.csv", ("text", "category"), [*TEST, ("Is it open?", "hours")], ";")
    lock = planned(folder)
    assert lock.why["data.labels"] == (
        "1 label of the test rows is not in the training file: `hours`."
    )


@pytest.fixture(scope="module")
def lock(tmp_path_factory: pytest.TempPathFactory) -> TrainingLock:
    return planned(laid_out(tmp_path_factory.mktemp("planned")))


@pytest.mark.parametrize("change", ["label", "column", "labels", "system"])
def test_another_classification_is_not_prepared(
    change: str, lock: TrainingLock, folder: Path
) -> None:
    path = folder / "train.csv"
    said = path.read_text("utf-8")
    data = [part.model_dump() for part in lock.data]
    if change == "label":
        path.write_text(said.replace(f";{PAIRS[0][1]}\n", f";{PAIRS[-1][1]}\n", 1), "utf-8")
    if change == "column":
        path.write_text(said.replace("text;category", "text;label", 1), "utf-8")
    if change == "labels":
        data[0]["labels"] = [*LABELS, "zz"]
    for part in data:
        part["system"] = "Other." if change == "system" else part["system"]
    other = locks.Lock.model_validate(lock.model_dump() | {"data": data}).training()
    with pytest.raises(DigestDiffers):
        verify.corpus_of(other, folder / "base", {"train": path, "test": folder / "test.csv"})


def test_a_lock_drops_the_same_bad_rows_again(folder: Path) -> None:
    path = folder / "train.csv"
    lines = path.read_text("utf-8").splitlines(True)
    lines[4], lines[9] = "one field\n", "five;fields;of;a;row\n"
    path.write_text("".join(lines), "utf-8")
    with pytest.raises(DataRefused, match="2 of 250 rows cannot be read: line 5 has 1 field"):
        planned(folder)
    lock = planned(folder, data__drop=("bad-rows",), data__bad_rows=0.01)
    assert [(fix.source, fix.what, fix.rows) for fix in lock.fix] == [
        ("train", "bad-rows", 2),
        ("test", "bad-rows", 0),
    ]
    assert {part.bad_rows for part in lock.data} == {0.01}
    prepared(lock, folder)
    lines[20] = "one field\n"
    path.write_text("".join(lines), "utf-8")
    with pytest.raises(DigestDiffers):
        prepared(lock, folder)


def test_test_rows_may_be_conversations(folder: Path) -> None:
    lock = planned(folder, data__test="rows/test.jsonl")
    assert [part.format for part in lock.data] == ["classification"] * 2 + ["messages"]
    places = {"train": folder / "train.csv", "test": folder / "rows" / "test.jsonl"}
    verify.corpus_of(lock, folder / "base", places)
