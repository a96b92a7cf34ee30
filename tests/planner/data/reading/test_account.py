"""The account of a file: bounded, and shown as findings and as a sentence of the plan."""

from pathlib import Path

import pytest

from lockfiles.errors import UsageProblem
from planner.data.checks import unused_keys
from planner.data.reading.account import MOST_KEYS, Account, Key
from planner.data.reading.formats import load_table
from planner.data.reading.meanings import may_be_text
from planner.data.reading.names import is_empty, plain
from tests.planner.data.format_rows import SAID, USER, written


def test_the_account_has_every_key_with_its_count_and_use(tmp_path: Path) -> None:
    rows = [
        {"messages": [USER, SAID], "source": "web"},
        {"messages": [USER, SAID | {"weight": 0}, USER, SAID], "tools": [{"name": "sum"}]},
        {"instruction": "a", "input": "", "output": "b", "history": [["c", "d"]]},
    ]
    assert load_table(written(tmp_path / "a.jsonl", rows)).keys == (
        Key("messages[].role", "role", 6),
        Key("messages[].content", "text", 6),
        Key("messages[].weight", "loss mask", 1),
        Key("tools", "tools", 1),
        Key("instruction", "prompt", 1),
        Key("output", "answer", 1),
        Key("history", "earlier turns", 1),
        Key("source", "", 1),
    )


def test_the_keys_of_parts_and_of_turns_have_paths(tmp_path: Path) -> None:
    part = {"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}}
    turns = [USER | {"content": [part]}, SAID | {"mood": "glad"}]
    keys = load_table(written(tmp_path / "a.jsonl", [{"messages": turns}])).keys
    assert [key.path for key in keys] == [
        "messages[].role",
        "messages[].content[].text",
        "messages[].content",
        "messages[].content[].cache_control",
        "messages[].mood",
    ]


def test_a_file_with_ever_new_keys_takes_bounded_memory(tmp_path: Path) -> None:
    rows = [
        {"messages": [USER, SAID], f"key {n}": n, "k" * 10_000: n} for n in range(2 * MOST_KEYS)
    ]
    keys = load_table(written(tmp_path / "a.jsonl", rows)).keys
    assert len(keys) <= MOST_KEYS + 5
    assert max(len(key.path) for key in keys) <= 100
    assert sum(key.count for key in keys if not key.became) == 4 * MOST_KEYS


def test_unused_keys_are_a_warning_if_they_may_be_text_and_else_a_note() -> None:
    keys = (Key("a", "prompt", 9), Key("id", "", 9), Key("context", "", 7, 3))
    warning, note = unused_keys.findings(keys)
    assert (warning.severity, note.severity) == ("warning", "note")
    assert warning.said == ("`context` (7) is not used, but it has text that may belong to a turn.")
    assert note.said == "Not used: `id` (9)." and not note.fix
    assert not list(unused_keys.findings(keys[:1]))


def test_a_plan_says_which_columns_it_took_and_which_text_it_leaves() -> None:
    keys = (Key("question", "prompt", 9), Key("answer", "answer", 9), Key("context", "", 9, 9))
    assert unused_keys.remark(keys, "prompt-completion") == (
        "In each row, `question` is the prompt and `answer` is the answer. `context` (9) is not "
        "used, but it has text that may belong to a turn."
    )
    usual = (Key("prompt", "prompt", 9), Key("completion", "answer", 9), Key("id", "", 9))
    assert unused_keys.remark(usual, "prompt-completion") == ""
    assert unused_keys.remark(keys[:2], "columns") == ""
    hostile = tuple(Key("\x1b[2J" * 15, "", 9, 9) for _ in range(100))
    assert len(unused_keys.remark(hostile, "messages")) <= 1000


def test_unused_keys_of_other_files_are_named_where_the_training_file_has_none() -> None:
    training = (Key("prompt", "prompt", 9), Key("completion", "answer", 9), Key("id", "", 9))
    other = (*training, Key("context", "", 7, 3), Key("label", "", 7, 0, 4))
    warning, note = unused_keys.findings_beyond("b.jsonl", other, training)
    assert warning.said == (
        "`b.jsonl`: `context` (7) is not used, but it has text that may belong to a turn."
    )
    assert note.said == "`b.jsonl`: Not used: `label` (7)."
    assert (warning.file, note.file) == ("b.jsonl", "b.jsonl")
    assert not list(unused_keys.findings_beyond("b.jsonl", training, training))
    assert unused_keys.remark(training, "prompt-completion", {"test": other}) == (
        "In the test rows, `context` (7) is not used, but it has text that may belong to a turn."
    )
    assert unused_keys.remark(other, "messages", {"test": other}).count("context") == 1


def test_names_are_compared_without_case_and_separators() -> None:
    names = ("Sample Weight", "sampleWeight", "sample-weight", "sample.weight", " SAMPLE_WEIGHT ")
    assert {plain(name) for name in names} == {"sample_weight"}
    assert may_be_text("notice", "one two three four five") and not may_be_text("notice", "one two")
    assert not may_be_text("source_url", "one two three four five")
    assert is_empty(" [] ") is is_empty(None) is True and not is_empty(0) and not is_empty(False)
    assert Account().keys == ()


@pytest.mark.parametrize(("name", "values", "warned"), [
    ("label", [0, 1, 1, 0], True), ("correct", [True, False, True, True], True),
    ("label", ["0", "1", "1", "1"], True), ("label", [1, 1, 1, 1], False),
    ("label", [0, 0, 0, 0], False), ("label", [0, 1, 2, 3], False),
    ("label", ["a", "b", "c", "d"], False),
    ("toxic", [0, 1, 0, 1], False),
])  # fmt: skip
def test_a_key_that_may_mark_bad_answers_is_a_warning(
    name: str, values: list[object], warned: bool, tmp_path: Path
) -> None:
    """WikiQA's `label` says whether the answer is right."""
    rows = [{"question": "q", "answer": "a", name: value} for value in values]
    keys = load_table(written(tmp_path / "a.jsonl", rows)).keys
    severities = {one.severity for one in unused_keys.findings(keys)}
    assert ("warning" in severities) == warned
    assert ("bad answers" in unused_keys.remark(keys, "prompt-completion")) == warned


@pytest.mark.parametrize("value", ["bad", "False", "rejected", "thumbs_down"])
def test_a_row_marked_as_a_bad_answer_is_refused(value: str, tmp_path: Path) -> None:
    rows = [{"prompt": "q", "completion": "a", "label": value}]
    with pytest.raises(UsageProblem):
        load_table(written(tmp_path / "a.jsonl", rows[:1] if value != "False" else
                           [{"question": "q", "answer": "a", "label": value}]))  # fmt: skip
