"""Classification files are recognized by the names of their columns, or by what they hold."""

import json
import random
from pathlib import Path
from typing import Any

import pyarrow
import pytest
from pyarrow import parquet

from lockfiles.errors import UsageProblem
from planner.data.checks.registry import every
from planner.data.checks.scan import scan
from planner.data.reading.account import Account
from planner.data.reading.bad_rows import BadRows
from planner.data.reading.classification import Labelled, find, instructed
from planner.data.reading.detection import labelled_in
from planner.data.reading.formats import every_row, load_table
from tests.planner.data.format_rows import written
from tests.planner.data.reading.labelled_rows import as_csv, pairs

PAIRS = pairs()
LABELS = tuple(sorted({label for _, label in PAIRS}))
COUNT = len(PAIRS)


@pytest.mark.parametrize(
    "header",
    [
        ("text", "label"),
        ("text", "category"),
        ("question", "intent"),
        ("sentence", "label"),
        ("utterance", "class"),
        ("Review_Text", "Sentiment"),
        ("Ticket", "categories"),
        ("Nachricht", "Abteilung"),
        ("text", "kategorie"),
        ("0", "1"),
    ],
)
@pytest.mark.parametrize("delimiter", [",", "\t"])
def test_columns_are_recognized(header: tuple[str, str], delimiter: str, tmp_path: Path) -> None:
    found = labelled_in(as_csv(tmp_path / "a.csv", header, PAIRS, delimiter))
    assert found and (found.prompt, found.completion) == header
    assert found.labels == LABELS and not found.numbered
    _found_again(tmp_path / "a.csv", found)


def _found_again(path: Path, found: Labelled) -> None:
    """A lock names the columns that were found, and they are read in the same way."""
    columns = {"prompt": found.prompt, "completion": found.completion}
    again = labelled_in(path, "classification", columns=columns)
    assert again == found


def _rows(**columns: Any) -> list[dict[str, Any]]:
    """Return rows of texts and further columns, each a function of the row's number."""
    return [
        {"text": text} | {name: value(number) for name, value in columns.items()}
        for number, (text, _) in enumerate(PAIRS)
    ]


RANDOM = random.Random(3)
OTHERS: dict[str, list[dict[str, Any]]] = {
    "plain text": _rows(),
    "text and where it is from": _rows(source=lambda n: ("web", "book")[n % 2]),
    "a constant": _rows(label=lambda n: "spam"),
    "free text": _rows(note=lambda n: f"{PAIRS[n - 1][0]} and so on"),
    "scores": _rows(label=lambda n: RANDOM.random()),
    "several labels": _rows(labels=lambda n: ["a", "b"][: n % 3]),
    "documents": [
        {"text": f"{n} " + "long text " * 200, "kind": "ab"[n % 2]} for n in range(40)
    ],
    "question and answer": [
        {"Frage": text, "Antwort": f"{text} {n}", "Thema": "ab"[n % 2]}
        for n, (text, _) in enumerate(PAIRS)
    ],
    "feedback": [{"prompt": t, "completion": a, "label": True} for t, a in PAIRS],
    "multiple choice": [
        {"question": t, "choices": ["one", "two"], "answer": n % 2}
        for n, (t, _) in enumerate(PAIRS)
    ],
    "choices in columns": [
        {"premise": t, "choice1": t[3:], "choice2": t[5:], "label": n % 2}
        for n, (t, _) in enumerate(PAIRS)
    ],
    "a turn in each row": [
        {"role": ("user", "assistant")[n % 2], "content": t} for n, (t, _) in enumerate(PAIRS)
    ],
    "prompts alone": [{"prompt": t, "level": n % 3} for n, (t, _) in enumerate(PAIRS)],
    "messages": [
        {"messages": [{"role": "user", "content": t}], "label": a} for t, a in PAIRS
    ],
    "preference": [{"prompt": t, "chosen": a, "rejected": "b"} for t, a in PAIRS],
    "alpaca": [{"instruction": t, "output": a, "category": "x"} for t, a in PAIRS],
    "question and short answer": [{"question": t, "answer": a} for t, a in PAIRS],
}  # fmt: skip


@pytest.mark.parametrize("other", ["subcategory", "Unterkategorie", "domain", "severity"])
def test_another_column_that_could_be_the_labels_is_a_warning(other: str, tmp_path: Path) -> None:
    both = _rows(category=lambda n: "abcd"[n % 4], **{other: lambda n: f"{n % 8}"})
    path = written(tmp_path / "a.jsonl", both)
    found = labelled_in(path)
    assert found and found.completion == "category" and found.others == (other,)
    report = scan(every_row(path, labelled=found), every, mapping={}, labelled=found)
    (warning,) = [one for one in report.findings if one.id == "labels"]
    assert warning.severity == "warning" and f"`{other}` could be the labels too" in warning.said
    chosen = labelled_in(
        path, "classification", columns={"prompt": "text", "completion": "category"}
    )
    assert chosen and not chosen.doubt


@pytest.mark.parametrize(
    "more",
    [
        {"source": lambda n: "ab"[n % 2], "split": lambda n: "train"},
        {"code": lambda n: f"L{n % 4}"},
        {"note": lambda n: f"free text of row {n}"},
    ],
)
def test_a_column_about_the_row_or_of_the_same_labels_is_no_doubt(
    more: dict[str, Any], tmp_path: Path
) -> None:
    rows = _rows(category=lambda n: "abcd"[n % 4], **more)
    found = labelled_in(written(tmp_path / "a.jsonl", rows))
    assert found and found.completion == "category" and not found.doubt


def test_names_beside_numbered_labels_are_a_doubt(tmp_path: Path) -> None:
    rows = _rows(label=lambda n: n % 4, Klasse=lambda n: "abcd"[n % 4])
    found = labelled_in(written(tmp_path / "a.jsonl", rows))
    assert found and found.numbered and found.others == ("Klasse",)


LONG = (
    "the price of one of our goods",
    "what we have in our shop today",
    "a complaint about something that broke",
    "a word of thanks to the staff",
)


@pytest.mark.parametrize("name", ["label", "Category", "class", "intent", "topics"])
@pytest.mark.parametrize("count", [16, 60])
def test_labels_may_be_sentences_under_the_name_of_labels(
    name: str, count: int, tmp_path: Path
) -> None:
    rows = _rows(**{name: lambda n: LONG[n % 4]})[:count]
    found = labelled_in(written(tmp_path / "a.jsonl", rows))
    assert found and found.completion == name and found.labels == tuple(sorted(LONG))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Klasse", lambda n: LONG[n % 4]),
        ("target", lambda n: LONG[n % 4]),
        ("label", lambda n: f"what row {n // 2} is about"),
    ],
)
def test_sentences_are_no_labels_without_such_a_name_or_repetition(
    name: str, value: Any, tmp_path: Path
) -> None:
    assert labelled_in(written(tmp_path / "a.jsonl", _rows(**{name: value})[:60])) is None


@pytest.mark.parametrize("name", OTHERS)
def test_other_files_are_no_classification(name: str, tmp_path: Path) -> None:
    assert labelled_in(written(tmp_path / "a.jsonl", OTHERS[name])) is None


@pytest.mark.parametrize(
    ("columns", "labels", "numbered"),
    [
        ({"label": lambda n: n % 3}, ("0", "1", "2"), True),
        ({"stars": lambda n: n % 5 + 1}, ("1", "2", "3", "4", "5"), True),
        ({"label": lambda n: n % 2 + 0.0}, ("0.0", "1.0"), True),
        ({"is_spam": lambda n: n % 2 == 0}, ("false", "true"), False),
        ({"label": lambda n: n % 2, "label_text": lambda n: "ab"[n % 2]}, ("a", "b"), False),
        ({"id": int, "label": lambda n: "ab"[n % 2], "split": lambda n: "train"}, ("a", "b"), 0),
        ({"label": lambda n: ("none", "null", "nan")[n % 3]}, ("nan", "none", "null"), False),
    ],
)
def test_labels_are_taken_as_they_stand(
    columns: dict[str, Any], labels: tuple[str, ...], numbered: bool, tmp_path: Path
) -> None:
    path = written(tmp_path / "a.jsonl", _rows(**columns))
    found = labelled_in(path)
    assert found and (found.labels, found.numbered) == (labels, bool(numbered))
    _found_again(path, found)
    table = load_table(path, labelled=found)
    assert table.format == "classification" and table.kind == "conversation"
    assert [row.answer for row in table.rows[: len(labels)]] and {
        row.answer for row in table.rows
    } == set(labels)


def test_a_few_rows_with_the_usual_names_are_enough(tmp_path: Path) -> None:
    rows = [{"text": f"text {n}", "label": label} for n, label in enumerate("abc")]
    found = labelled_in(written(tmp_path / "a.jsonl", rows))
    assert found and found.labels == ("a", "b", "c")
    _found_again(tmp_path / "a.jsonl", found)


def test_labels_may_be_sentences(tmp_path: Path) -> None:
    said = ["The customer wants a refund now.", "The customer asks where the parcel is."]
    path = written(tmp_path / "a.jsonl", _rows(topic=lambda n: said[n % 2]))
    found = labelled_in(path)
    assert found and found.labels == tuple(sorted(said))


def test_labels_that_differ_only_in_case_are_named(tmp_path: Path) -> None:
    path = written(tmp_path / "a.jsonl", _rows(label=lambda n: ("Yes", "yes", "no")[n % 3]))
    found = labelled_in(path)
    assert found
    report = scan(every_row(path, labelled=found), every, mapping={}, labelled=found)
    said = [finding.said for finding in report.findings if finding.id == "labels"]
    assert said == ["1 label is written in different ways: `Yes`, `yes`."]


@pytest.mark.parametrize(
    ("columns", "named", "key"),
    [
        ({"category": lambda n: "ab"[n % 2], "sentiment": lambda n: "xyz"[n % 3]},
         "`category`, `sentiment`", "completion_column = … (one of them)"),
        ({"title": lambda n: f"The title {n}", "label": lambda n: "ab"[n % 2]},
         "`text`, `title`", "prompt_column = … (one of them)"),
        ({"subject": lambda n: f"The subject {n}", "label": lambda n: "ab"[n % 2]},
         "`text`, `subject`", "prompt_column = … (one of them)"),
        ({"team": lambda n: "ab"[n % 2], "priority": lambda n: "xyz"[n % 3]},
         "`team`, `priority`", "completion_column = … (one of them)"),
    ],
)  # fmt: skip
def test_several_candidates_are_asked_about(
    columns: dict[str, Any], named: str, key: str, tmp_path: Path
) -> None:
    path = written(tmp_path / "a.jsonl", _rows(**columns))
    with pytest.raises(UsageProblem) as caught:
        labelled_in(path)
    assert "has several columns that may be its" in caught.value.message
    assert named in caught.value.message
    assert f'format = "classification", {key}' in caught.value.hint
    chosen = {"prompt": "text", "completion": next(reversed(columns))}
    found = labelled_in(path, "classification", columns=chosen)
    assert found and (found.prompt, found.completion) == ("text", chosen["completion"])


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "has no column that is clearly one of labels"),
        ({"completion": "none"}, "has no column `none`"),
        ({"completion": "note"}, "different values in `note`, too many for labels"),
        ({"prompt": "note"}, "has no column that is clearly one of labels"),
    ],
)
def test_what_is_no_classification_is_not_forced(
    given: dict[str, str], said: str, tmp_path: Path
) -> None:
    path = written(tmp_path / "a.jsonl", OTHERS["free text"])
    with pytest.raises(UsageProblem) as caught:
        labelled_in(path, "classification", columns=given)
    assert said in caught.value.message


def test_the_hub_names_numbered_labels(tmp_path: Path) -> None:
    features = {"label": {"names": ["bad", "good"], "_type": "ClassLabel"}}
    numbers = [n % 2 for n in range(COUNT)]
    numbers[7] = -1
    table = pyarrow.table({"text": [text for text, _ in PAIRS], "label": numbers})
    about = {b"huggingface": json.dumps({"info": {"features": features}}).encode()}
    parquet.write_table(table.replace_schema_metadata(about), tmp_path / "a.parquet")
    found = labelled_in(tmp_path / "a.parquet")
    assert found and (found.labels, found.numbered) == (("bad", "good"), False)
    bad = BadRows()
    read = load_table(tmp_path / "a.parquet", labelled=found, bad=bad)
    assert [row.answer for row in read.rows[:3]] == ["bad", "good", "bad"]
    assert bad.reasons == "row 8 has the label `-1` in `label`, which has no name"


@pytest.mark.parametrize(
    "about", [b"{", b'{"info": {"features": {"label": {"_type": "ClassLabel", "names": [1]}}}}']
)
def test_wrong_names_in_parquet_are_ignored(about: bytes, tmp_path: Path) -> None:
    table = pyarrow.table({"text": [t for t, _ in PAIRS], "label": [n % 2 for n in range(COUNT)]})
    parquet.write_table(
        table.replace_schema_metadata({b"huggingface": about}), tmp_path / "a.parquet"
    )
    found = labelled_in(tmp_path / "a.parquet")
    assert found and found.labels == ("0", "1") and found.numbered


def test_the_instruction_lists_few_labels() -> None:
    how = Labelled("text", "label", ("no", "yes"))
    assert instructed(how).system == (
        "Classify the text. Reply with one of these labels and nothing else: no, yes"
    )
    commas = Labelled("text", "label", ("no, never", "yes"))
    assert instructed(commas).system.endswith("nothing else:\nno, never\nyes")
    assert instructed(how, "Say yes or no.").system == "Say yes or no."
    assert not instructed(how, tokens=lambda text: 201).listed
    assert instructed(how, tokens=lambda text: 200).listed
    many = Labelled("text", "label", tuple(f"label-{n:03}" for n in range(100)))
    found = instructed(many)
    assert found.system == "Classify the text. Reply with its label and nothing else."
    assert not found.listed


def test_rows_begin_with_the_instruction(tmp_path: Path) -> None:
    path = as_csv(tmp_path / "a.csv", ("text", "label"), PAIRS)
    found = labelled_in(path, system="Name the intent.")
    assert found and found.own_system
    roles = [
        (turn.role, turn.content) for turn in load_table(path, labelled=found).rows[0].messages
    ]
    text, label = PAIRS[0]
    assert roles == [("system", "Name the intent."), ("user", text), ("assistant", label)]


def test_a_row_without_a_label_is_a_bad_row(tmp_path: Path) -> None:
    rows = _rows(label=lambda n: "ab"[n % 2])
    rows[3]["label"], rows[4]["label"], rows[5]["text"] = None, "x" * 101, None
    del rows[6]["label"]
    path = written(tmp_path / "a.jsonl", rows)
    found = labelled_in(path)
    assert found and found.labels == ("a", "b")
    bad = BadRows()
    load_table(path, labelled=found, bad=bad)
    assert list(bad.numbers) == [3, 4, 5, 6]
    assert bad.reasons == (
        "line 4 has no label in `label`; line 5 has no short text as the label in `label`; "
        "line 6 has no text in `text`; and others"
    )


def test_the_checks_know_labels(tmp_path: Path) -> None:
    train = as_csv(tmp_path / "a.csv", ("text", "label"), PAIRS)
    test = as_csv(tmp_path / "b.csv", ("text", "label"), [("Is it new?", "new_label"), *PAIRS[:2]])
    found = labelled_in(train)
    report = scan(
        every_row(train, labelled=found), every, mapping={}, labelled=found,
        held_out={"b.csv": every_row(test, labelled=found)},
    )  # fmt: skip
    ids = {finding.id: finding for finding in report.findings}
    assert "one-word" not in ids
    assert {bar.name for bar in report.labels} == set(LABELS)
    assert ids["labels"].severity == "warning" and list(ids["labels"].rows) == [0]
    assert ids["labels"].said == (
        "`b.csv`: 1 label of the rows is not in the training file: `new_label`."
    )


def test_too_many_labels_are_none(tmp_path: Path) -> None:
    rows = [{"text": f"text number {n}", "label": f"label-{n // 2}"} for n in range(2400)]
    path = written(tmp_path / "a.jsonl", rows)
    assert find(path) is None
    with pytest.raises(UsageProblem):
        find(path, completion="label", wanted=True)


@pytest.mark.parametrize("more", [{}, {"id": "7"}, {"price": "3.50"}])
def test_names_of_things_may_be_the_texts(more: dict[str, str], tmp_path: Path) -> None:
    """A column of labels that is named so, and one other that varies."""
    things = ["kettle", "lamp", "chair", "table", "bottle", "towel", "mirror", "pillow"]
    rows = [{"product": f"{one}{n}", "category": "abc"[n % 3], **more}
            for n, one in enumerate(things * 4)]  # fmt: skip
    found = labelled_in(written(tmp_path / "a.jsonl", rows))
    assert found and (found.prompt, found.completion) == ("product", "category")


def test_of_two_columns_of_short_texts_neither_is_taken(tmp_path: Path) -> None:
    rows = [{"word": f"w{n}", "translation": f"t{n}", "category": "abc"[n % 3]} for n in range(30)]
    assert labelled_in(written(tmp_path / "a.jsonl", rows)) is None


def test_a_label_0_counts(tmp_path: Path) -> None:
    rows = _rows(label=lambda n: n % 2)
    path = written(tmp_path / "a.jsonl", rows)
    account = Account()
    list(every_row(path, labelled=labelled_in(path), account=account))
    assert {key.count for key in account.keys if key.path == "label"} == {len(rows)}
