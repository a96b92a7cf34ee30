"""Files of texts and their labels, under the names that people give these columns."""

import json
from pathlib import Path

import pytest

from tests.cases import rows
from tests.cases.rows import FIRST, Row, answer, question
from tests.cases.seen import Seen, check_refused, check_scored, seen

LABELS = ("price_question", "stock_question", "complaint", "thanks")
TEXTS = (
    "How much is the {}, please?", "Do you have the {} in your shop?",
    "The {} that you sent arrived broken.", "Thank you for the {}, we like it very much.",
)  # fmt: skip
END = "<|im_end|>"


def labeled(
    text: str = "text", label: str = "label", labels: tuple[object, ...] = LABELS, count: int = 60
) -> list[Row]:
    """Return rows of a text and its label, under these names of columns."""
    return [
        {text: TEXTS[n % 4].format(thing), label: labels[n % len(labels)]}
        for n, thing in enumerate(rows.THINGS[:count])
    ]


def looked(folder: Path, base: Path, made: list[Row], name: str = "rows.csv") -> Seen:
    """Return what is said of a table."""
    if name.endswith(".jsonl"):
        rows.jsonl(folder / name, made)
    else:
        delimiter = "\t" if name.endswith(".tsv") else ","
        (folder / name).write_text(rows.table(made, delimiter), "utf-8")
    return seen(folder, name, base)


def check_classified(found: Seen, label: str = LABELS[0], text: str = TEXTS[0]) -> None:
    """Check that rows are prompts with an instruction and labels as completions."""
    check_scored(found, f"{label}{END}")
    before = found.text.partition(label + END)[0] if label in found.text else found.text
    asked = text.format(FIRST)
    assert asked in found.text
    instruction = found.text.replace(asked, "").replace("<|im_start|>", "").replace(END, "")
    assert len(instruction.split()) > 6, f"no instruction: {before}"
    assert "classification" in found.report.out or "classification" in found.plan.out


# datasets of the Hub and of Kaggle: text/label (imdb, ag_news), text/category, question/intent,
# text/intent (clinc, banking77), sentence/label (sst2), review/sentiment, tweet/sentiment,
# message/class (spam), title/topic, utterance/tag, and names of no known list.
@pytest.mark.parametrize(("text", "label"), [
    ("text", "label"), ("text", "category"), ("question", "intent"), ("text", "intent"),
    ("sentence", "label"), ("review", "sentiment"), ("tweet", "sentiment"), ("message", "class"),
    ("title", "topic"), ("utterance", "tag"), ("Text", "Label"), ("text", "label_text"),
    ("Kundentext", "Anliegen"), ("input", "target"),
])  # fmt: skip
@pytest.mark.parametrize("name", ["rows.csv", "rows.jsonl"])
def test_texts_and_labels_are_classification(
    tmp_path: Path, base: Path, text: str, label: str, name: str
) -> None:
    check_classified(looked(tmp_path, base, labeled(text, label), name))


def test_the_label_may_be_first(tmp_path: Path, base: Path) -> None:
    made = [dict(reversed(list(row.items()))) for row in labeled()]
    check_classified(looked(tmp_path, base, made, "rows.tsv"))


@pytest.mark.parametrize("more", ["id", "index", "Unnamed: 0", "date"])
def test_another_column_is_no_hindrance(tmp_path: Path, base: Path, more: str) -> None:
    """Kaggle's tables have a number or a date; pandas writes `Unnamed: 0`."""
    made = [{more: f"2024-01-{n % 28 + 1:02}" if more == "date" else n} | row
            for n, row in enumerate(labeled())]  # fmt: skip
    check_classified(looked(tmp_path, base, made))


@pytest.mark.parametrize("labels", [(0, 1, 2, 3), (0, 1), (True, False), ("0", "1")],
                         ids=["four", "two", "boolean", "text"])  # fmt: skip
@pytest.mark.parametrize("name", ["rows.csv", "rows.jsonl"])
def test_numbers_are_labels_too(
    tmp_path: Path, base: Path, labels: tuple[object, ...], name: str
) -> None:
    """fast-bert PR 225: labels are often integers, and then texts of digits."""
    found = looked(tmp_path, base, labeled(labels=labels), name)
    assert found.locked, found.plan.err
    (scored,) = found.scored
    assert scored.removesuffix(END).lower() == str(labels[0]).lower()


def test_the_labels_that_fit_are_listed_to_the_model(tmp_path: Path, base: Path) -> None:
    found = looked(tmp_path, base, labeled())
    context = found.text.removesuffix(f"{LABELS[0]}{END}")
    assert all(label in context for label in LABELS), found.text


def test_many_labels_are_not_listed_and_the_plan_says_so(tmp_path: Path, base: Path) -> None:
    many = tuple(f"customer_intent_about_{thing.replace(' ', '_')}" for thing in rows.THINGS[:60])
    found = looked(tmp_path, base, labeled(labels=many, count=120))
    check_scored(found, f"{many[0]}{END}")
    assert many[7] not in found.text
    assert found.plan.names("list") or found.plan.names("labels"), found.plan.out


def test_the_instruction_is_kept_in_the_lock(tmp_path: Path, base: Path) -> None:
    """Whatever serves the model later asks with the same words."""
    found = looked(tmp_path, base, labeled())
    assert found.locked, found.plan.err
    first = found.text.split("<|im_start|>")[1].split("\n", 1)[1].removesuffix(END)
    instruction = first.replace(TEXTS[0].format(FIRST), "").strip()
    lock = (tmp_path / "run.lock").read_text("utf-8")
    assert instruction.splitlines()[0] in lock


def test_the_plan_says_that_it_is_classification(tmp_path: Path, base: Path) -> None:
    found = looked(tmp_path, base, labeled("text", "category"))
    assert found.plan.names("classification") and found.plan.names("category")


def test_the_format_may_be_given(tmp_path: Path, base: Path) -> None:
    (tmp_path / "rows.csv").write_text(rows.table(labeled()), "utf-8")
    check_classified(seen(tmp_path, "rows.csv", base, 'format = "classification"\n'))


@pytest.mark.parametrize("missing", ["", None], ids=["empty", "null"])
def test_a_row_without_a_label_is_named(tmp_path: Path, base: Path, missing: str | None) -> None:
    made = labeled(count=120)
    made[17]["label"] = missing
    found = looked(tmp_path, base, made, "rows.jsonl")
    assert found.names("17") or found.names("18"), found.report.text


def free(thing: str) -> Row:
    """Return a question with an answer of its own, under names that are no known format."""
    return {"question": question(thing), "answer": answer(thing)}


def test_answers_that_differ_are_no_labels(tmp_path: Path, base: Path) -> None:
    """`question` and `answer`, as in GSM8K."""
    made = [free(thing) for thing in rows.THINGS[:60]]
    found = looked(tmp_path, base, made)
    assert "classification" not in found.report.out
    if found.locked:
        check_scored(found, f"{answer(FIRST)}{END}")


@pytest.mark.parametrize("made", [
    [{"text": question(thing), "author": thing} for thing in rows.THINGS[:60]],
    [{"text": question(thing), "lang": "en"} for thing in rows.THINGS[:60]],
    [{"text": question(thing), "url": f"https://example.org/{n}"}
     for n, thing in enumerate(rows.THINGS[:60])],
], ids=["each-other", "one-value", "url"])  # fmt: skip
def test_a_column_that_is_no_label_is_not_learned(
    tmp_path: Path, base: Path, made: list[Row]
) -> None:
    check_refused(looked(tmp_path, base, made))


def test_texts_of_pairs_are_not_cut_to_one(tmp_path: Path, base: Path) -> None:
    """Natural language inference has two texts: none of them may be lost in silence."""
    labels = ("entailment", "neutral", "contradiction")
    made = [
        {"premise": f"There is a {thing} here.", "hypothesis": f"Nobody sells a {thing}.",
         "label": labels[n % 3]}
        for n, thing in enumerate(rows.THINGS[:60])
    ]  # fmt: skip
    found = looked(tmp_path, base, made)
    if found.locked:
        shown = found.text
        for column, text in (("premise", "There is a"), ("hypothesis", "Nobody sells")):
            assert text in shown or found.names(column), column
    else:
        check_refused(found)


def test_json_of_a_file_says_its_format(tmp_path: Path, base: Path) -> None:
    found = looked(tmp_path, base, labeled())
    report = seen_as_json(tmp_path, "rows.csv")
    assert report["format"] == "classification", report["format"]
    assert found.locked


def seen_as_json(folder: Path, name: str) -> dict[str, object]:
    """Return the report on a file as JSON."""
    from tests.cases.command import tunelock

    found: dict[str, object] = json.loads(tunelock(folder, "data", name, "--json").out)
    return found


def test_one_of_several_labels_is_not_taken_in_silence(tmp_path: Path, base: Path) -> None:
    """Columns of 0 and 1 for each kind of a comment, as in Jigsaw's."""
    made = [
        {"text": TEXTS[n % 4].format(thing), "toxic": n % 2, "insult": n % 3 % 2}
        for n, thing in enumerate(rows.THINGS[:60])
    ]
    check_refused(looked(tmp_path, base, made), "toxic", "insult")


def test_a_label_of_test_rows_alone_is_named(tmp_path: Path, base: Path) -> None:
    others = [
        {"text": f"Where is the {thing}?", "label": "address"} for thing in rows.THINGS[60:70]
    ]
    (tmp_path / "test.csv").write_text(rows.table(others), "utf-8")
    (tmp_path / "rows.csv").write_text(rows.table(labeled()), "utf-8")
    found = seen(tmp_path, "rows.csv", base, 'test = "test.csv"\n')
    assert found.plan.names("address"), found.plan.text
