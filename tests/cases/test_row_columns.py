"""Columns beside the conversation: used where they change what is learned, else named."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cases import models, rows
from tests.cases.conftest import Model
from tests.cases.rows import Row, said, spoken
from tests.cases.seen import (
    check_named,
    check_refused,
    check_scored,
    check_scored_or_refused,
    check_shown_or_refused,
    looked,
    seen,
)
from tests.cases.templates import TOOLS, TOOLS_JINJA

END = "<|im_end|>"
HISTORY = [["Do you have a {}?", "Yes, one {}."], ["What color is it?", "It is green."]]
SYSTEM = "You sell second-hand goods."


def alpaca(thing: str, **more: object) -> Row:
    """Return a row in Alpaca's form."""
    return {"instruction": f"How heavy is the {thing}?", "input": "", "output": "2 kg."} | more


def history(thing: str) -> list[list[str]]:
    """Return earlier turns about a thing."""
    return [[part.format(thing) for part in pair] for pair in HISTORY]


def test_the_history_of_alpaca_precedes_the_question(tmp_path: Path, base: Path) -> None:
    """LLaMA-Factory 4683 and 3697: pairs of a question and an answer."""
    made = [alpaca("pack", system=SYSTEM, history=history(thing)) for thing in rows.THINGS]
    (tmp_path / "rows.json").write_text(json.dumps(made), "utf-8")
    found = seen(tmp_path, "rows.json", base)
    assert "conflicting-answers" not in found.report.out
    wanted = [f"Yes, one {rows.FIRST}.{END}", f"It is green.{END}", f"2 kg.{END}"]
    check_scored_or_refused(found, "history", *wanted)
    if found.locked:
        turns = found.text.split(END)
        assert [turn.split("\n")[-1] for turn in turns[:3]] == [
            SYSTEM, f"Do you have a {rows.FIRST}?", f"Yes, one {rows.FIRST}.",
        ]  # fmt: skip


@pytest.mark.parametrize("empty", [[], None, ""], ids=["list", "null", "text"])
def test_an_empty_history_is_none(tmp_path: Path, base: Path, empty: object) -> None:
    found = looked(tmp_path, base, rows.made(lambda thing: alpaca(thing, history=empty)))
    check_scored(found, f"2 kg.{END}")


def test_a_history_in_a_spreadsheet_is_used_or_refused(tmp_path: Path, base: Path) -> None:
    made = rows.made(lambda thing: alpaca("pack", history=json.dumps(history(thing))))
    (tmp_path / "rows.csv").write_text(rows.table(made), "utf-8")
    found = seen(tmp_path, "rows.csv", base)
    check_shown_or_refused(found, "history", f"Yes, one {rows.FIRST}.", "It is green.")


# axolotl 222; LLaMA-Factory 7592; OpenOrca's `system_prompt`; the tau of a chat's own system turn.
@pytest.mark.parametrize("column", ["system", "system_prompt", "system_message"])
def test_a_column_of_system_prompts_is_used_or_refused(
    tmp_path: Path, base: Path, column: str
) -> None:
    found = looked(tmp_path, base, rows.made(lambda thing: alpaca(thing, **{column: SYSTEM})))
    check_shown_or_refused(found, column, SYSTEM)


def test_two_system_prompts_are_both_used_or_named(tmp_path: Path, base: Path) -> None:
    """A column `system` beside a system turn that says another thing."""

    def row(thing: str) -> Row:
        turns = [said("system", "Be brief."), *rows.asked(thing)["messages"]]
        return {"messages": turns, "system": SYSTEM}

    found = looked(tmp_path, base, rows.made(row))
    assert SYSTEM in found.text or found.names("system")


# Of public data sets: RAG passages (Cohere, transformers' `documents`), Dolly's `context`,
# TRL's `chat_template_kwargs`, images (LLaMA-Factory), a text that was made of the turns before
# (UltraChat), a source (Tulu), a label of KTO (LLaMA-Factory's `kto_tag`).
@pytest.mark.parametrize("more", [
    {"documents": [{"title": "Stock", "text": "There are two pieces."}]},
    {"context": "There are two pieces in the back room."},
    {"chat_template_kwargs": {"enable_thinking": False}},
    {"images": ["kettle.png"]},
    {"text": "user: Is it in stock? assistant: Yes."},
    {"source": "shop", "id": 7},
    {"kto_tag": False},
    {"label": False},
], ids=lambda more: next(iter(more)))  # fmt: skip
def test_a_column_that_is_not_used_is_named(
    tmp_path: Path, base: Path, more: dict[str, Any]
) -> None:
    found = looked(tmp_path, base, rows.made(lambda thing: rows.asked(thing) | more))
    for name in more:
        check_named(found, name)


@pytest.mark.parametrize("column", ["reasoning", "thinking", "reasoning_content"])
def test_a_column_of_reasoning_is_used_or_refused(tmp_path: Path, base: Path, column: str) -> None:
    """Columns of distilled data, such as those of open-r1 and the Alpaca forms of them."""

    def row(thing: str) -> Row:
        asked = {"prompt": rows.question(thing), "completion": rows.answer(thing)}
        return asked | {column: f"I count the {thing}."}

    found = looked(tmp_path, base, rows.made(row))
    check_shown_or_refused(found, column, f"I count the {rows.FIRST}.")


def test_a_context_of_dolly_is_used_or_refused(tmp_path: Path, base: Path) -> None:
    """Its column `category` has eight values, and is no answer (databricks-dolly-15k)."""
    kinds = ["closed_qa", "open_qa", "summarization"]

    def row(thing: str) -> Row:
        return {
            "instruction": rows.question(thing),
            "context": f"The back room has two pieces of the {thing}.",
            "response": rows.answer(thing),
            "category": kinds[len(thing) % 3],
        }

    found = looked(tmp_path, base, rows.made(row))
    if found.locked:
        check_scored(found, f"{rows.answer(rows.FIRST)}{END}")
        assert "The back room has" in found.text or found.names("context")
    else:
        check_refused(found, "context")


# prime-rl PR 2494 (`tool_defs`), OpenAI's older `functions`, Megatron-Bridge 4072.
@pytest.mark.parametrize("column", ["tools", "functions", "tool_defs"])
@pytest.mark.parametrize("as_text", [False, True], ids=["list", "text"])
def test_tools_without_a_call_are_used_or_refused(
    tmp_path: Path, model: Model, column: str, as_text: bool
) -> None:
    bare = [one["function"] for one in TOOLS]
    listed: object = TOOLS if column == "tools" else bare
    column_value = json.dumps(listed) if as_text else listed
    found = looked(
        tmp_path,
        model("tools", models.template(TOOLS_JINJA)),
        rows.made(lambda thing: rows.asked(thing) | {column: column_value}),
    )
    check_shown_or_refused(found, column, '"find_item"', "Looks an item up")


@pytest.mark.parametrize(
    "none", [None, [], "", "[]", "null"], ids=["null", "[]", "", "t[]", "tnull"]
)
def test_no_tools_are_none(tmp_path: Path, model: Model, none: object) -> None:
    """prime-rl PR 3382: a missing list is the text `null` in some exports."""
    found = looked(
        tmp_path,
        model("tools", models.template(TOOLS_JINJA)),
        rows.made(lambda thing: rows.asked(thing) | {"tools": none}),
    )
    check_scored(found, f"{rows.answer(rows.FIRST)}{END}")
    assert "TOOLS" not in found.text


def test_the_turns_of_a_chat_are_all_used(tmp_path: Path, base: Path) -> None:
    """unsloth PR 11053: only the first question and answer were trained on."""
    numbers = ("one", "two", "three")

    def row(thing: str) -> Row:
        turns = [spoken("system", SYSTEM)]
        for number in numbers:
            turns += [
                spoken("human", f"What is part {number} of the {thing}?"),
                spoken("gpt", f"It is part {number}."),
            ]
        return {"conversations": turns}

    found = looked(tmp_path, base, rows.made(row))
    check_scored(found, *(f"It is part {number}.{END}" for number in numbers))
    assert SYSTEM in found.text
