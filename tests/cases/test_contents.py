"""Texts in parts, turns as text in a column, and the names that people have for roles."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cases import models, rows, templates
from tests.cases.conftest import Model
from tests.cases.rows import FIRST, Row, answer, question, said, spoken
from tests.cases.seen import (
    check_named,
    check_refused,
    check_scored,
    check_shown_or_refused,
    looked,
    seen,
)

END = "<|im_end|>"
ANSWER = f"{answer(FIRST)}{END}"


def text(value: object) -> Row:
    """Return a part that is text."""
    return {"type": "text", "text": value}


def in_parts(*asks: object, answers: Callable[[str], object] | None = None) -> list[Row]:
    """Return rows whose question has parts, with `THING` for the thing."""

    def make(thing: str) -> Row:
        parts = json.loads(json.dumps(list(asks)).replace("THING", thing))
        replies = answers(thing) if answers else answer(thing)
        return {"messages": [said("user", parts), said("assistant", replies)]}

    return rows.made(make)


# FastChat 3017; OpenAI, TRL and axolotl take a list of parts; nulls that Parquet fills in.
@pytest.mark.parametrize(("parts", "shown"), [
    ([text("Is the THING in stock?")], "Is the {} in stock?"),
    ([text("Is the THING "), text("in stock?")], "in stock?"),
    ([text("Is the THING in stock?") | {"image_url": None, "image": None}], "Is the {} in stock?"),
    (["Is the THING in stock?"], "Is the {} in stock?"),
    ([text("Is the THING in stock?") | {"cache_control": {"type": "ephemeral"}}], "Is the {} in"),
], ids=["one", "two", "null-filled", "plain", "cache_control"])  # fmt: skip
def test_parts_of_text_are_joined(
    tmp_path: Path, base: Path, parts: list[object], shown: str
) -> None:
    found = looked(tmp_path, base, in_parts(*parts, answers=lambda thing: [text(answer(thing))]))
    check_scored(found, ANSWER)
    assert shown.format(FIRST) in found.text and f"the {FIRST}" in found.text


def test_parts_of_parquet_are_joined(tmp_path: Path, base: Path) -> None:
    pq = pytest.importorskip("pyarrow.parquet")
    pa = pytest.importorskip("pyarrow")
    made = in_parts(text("Is the THING in stock?"), answers=lambda thing: [text(answer(thing))])
    pq.write_table(pa.Table.from_pylist(made), tmp_path / "rows.parquet")
    check_scored(seen(tmp_path, "rows.parquet", base), ANSWER)


# OpenAI's Responses have `input_text` and `output_text`; Anthropic has `thinking` and `tool_use`.
@pytest.mark.parametrize(("part", "name"), [
    ({"type": "input_text", "text": "Is the THING in stock?"}, "input_text"),
    ({"text": "Is the THING in stock?"}, "content"),
], ids=["input_text", "no-type"])  # fmt: skip
def test_another_part_of_text_is_used_or_refused(
    tmp_path: Path, base: Path, part: Row, name: str
) -> None:
    found = looked(tmp_path, base, in_parts(part))
    check_shown_or_refused(found, name, f"Is the {FIRST} in stock?")


@pytest.mark.parametrize("part", [
    {"type": "image_url", "image_url": {"url": "https://example.org/kettle.png"}},
    {"type": "image"},
    {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}},
    {"type": "video", "video": "kettle.mp4"},
], ids=lambda part: str(part["type"]))  # fmt: skip
def test_a_part_that_is_no_text_is_refused(tmp_path: Path, base: Path, part: Row) -> None:
    check_refused(looked(tmp_path, base, in_parts(text("What is it?"), part)), str(part["type"]))


@pytest.mark.parametrize("part", [
    {"type": "thinking", "thinking": "I count them."},
    {"type": "tool_use", "id": "t1", "name": "find_item", "input": {"item": "kettle"}},
], ids=lambda part: str(part["type"]))  # fmt: skip
def test_a_part_of_an_answer_is_used_or_refused(tmp_path: Path, model: Model, part: Row) -> None:
    made = in_parts(text("Is the THING there?"), answers=lambda thing: [part, text(answer(thing))])
    reasoning = model("reasoning", models.template(templates.REASONING_JINJA))
    kind = str(part["type"])
    shown = "I count them." if kind == "thinking" else "find_item"
    check_shown_or_refused(looked(tmp_path, reasoning, made), kind, shown)


def test_an_answer_without_parts_is_refused(tmp_path: Path, base: Path) -> None:
    """The old code of a client writes an empty list for no text."""
    check_refused(looked(tmp_path, base, in_parts(text("Hello"), answers=lambda _: [])))


def in_roles(system: str, user: str, assistant: str, turn: Callable[..., Row] = said) -> list[Row]:
    """Return rows with these names of roles; without a system turn where its name is empty."""
    column = "messages" if turn is said else "conversations"

    def make(thing: str) -> Row:
        first = [turn(system, "Be brief.")] if system else []
        return {column: [*first, turn(user, question(thing)), turn(assistant, answer(thing))]}

    return rows.made(make)


# axolotl 752 and its default map; OpenAI's `developer`; Gemma's `model`; LangChain's `ai`;
# Cohere's `CHATBOT`; names of a spreadsheet.
@pytest.mark.parametrize(("system", "user", "assistant", "turn"), [
    ("developer", "user", "assistant", said),
    ("", "user", "model", spoken),
    ("", "human", "bot", spoken),
    ("", "USER", "ASSISTANT", spoken),
    ("", "human", "gpt", said),
    ("SYSTEM", "USER", "CHATBOT", said),
    ("System", "Human", "AI", said),
    ("system", "user", "model", said),
    ("", "user", "bot", said),
    ("developer", "human", "gpt", spoken),
    ("system", "Human", "Assistant", spoken),
    ("", "human", "chatbot", spoken),
], ids=lambda one: one if isinstance(one, str) and one else "-")  # fmt: skip
def test_a_role_that_is_clear_is_taken(
    tmp_path: Path, base: Path, system: str, user: str, assistant: str, turn: Callable[..., Row]
) -> None:
    found = looked(tmp_path, base, in_roles(system, user, assistant, turn))
    check_scored(found, ANSWER)
    assert f"<|im_start|>user\n{question(FIRST)}" in found.text
    assert ("Be brief." in found.text) == bool(system)


# Llama's `ipython`, ms-swift's `tool_response`, OpenAI's older `function`.
@pytest.mark.parametrize(
    "role", ["tool", "ipython", "tool_response", "observation", "function", "function_response"]
)
def test_a_role_of_results_is_that_of_a_tool(tmp_path: Path, model: Model, role: str) -> None:
    def row(thing: str) -> Row:
        made = templates.calling(thing)
        made["messages"][2]["role"] = role
        return made

    tools = model("tools", models.template(templates.TOOLS_JINJA))
    found = looked(tmp_path, tools, rows.made(row))
    call = f'CALL find_item {{"item": "{FIRST}"}}{END}'
    check_scored(found, call, ANSWER)
    assert f"<|im_start|>tool\n{templates.RESULT}" in found.text


@pytest.mark.parametrize("turn", [said, spoken], ids=["role", "from"])
def test_a_call_as_a_turn_is_a_call(tmp_path: Path, model: Model, turn: Callable[..., Row]) -> None:
    """ms-swift's form for agents: the roles `tool_call` and `tool_response`."""
    column = "messages" if turn is said else "conversations"

    def row(thing: str) -> Row:
        asks = json.dumps({"name": "find_item", "arguments": {"item": thing}})
        turns = [
            turn("user", question(thing)), turn("tool_call", asks),
            turn("tool_response", templates.RESULT), turn("assistant", answer(thing)),
        ]  # fmt: skip
        return {column: turns, "tools": json.dumps(templates.TOOLS)}

    tools = model("tools", models.template(templates.TOOLS_JINJA))
    found = looked(tmp_path, tools, rows.made(row))
    check_scored(found, f'CALL find_item {{"item": "{FIRST}"}}{END}', ANSWER)


UNKNOWN = ("narrator", "customer", "agent")
"""Names of roles that could be any."""


def test_an_unknown_role_is_refused_with_the_way_to_map_it(tmp_path: Path, base: Path) -> None:
    found = looked(tmp_path, base, in_roles(*UNKNOWN))
    check_refused(found, "narrator", "data.roles")


def test_an_unknown_role_is_mapped_in_run_toml(tmp_path: Path, base: Path) -> None:
    lines = '[data.roles]\nnarrator = "system"\ncustomer = "user"\nagent = "assistant"\n'
    rows.jsonl(tmp_path / "rows.jsonl", in_roles(*UNKNOWN))
    found = seen(tmp_path, "rows.jsonl", base, lines)
    assert found.locked, found.plan.err


def as_column(column: str, write: Callable[[list[Row]], str]) -> list[Row]:
    """Return rows whose turns are text in a column."""
    turn = spoken if column == "conversations" else said
    user, replies = ("human", "gpt") if turn is spoken else ("user", "assistant")

    def make(thing: str) -> Row:
        return {
            "id": thing,
            column: write([turn(user, question(thing)), turn(replies, answer(thing))]),
        }

    return rows.made(make)


@pytest.mark.parametrize("column", ["messages", "conversations"])
@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
def test_turns_as_json_text_are_read(tmp_path: Path, base: Path, column: str, ending: str) -> None:
    """The only way in CSV, and common in Parquet, where it avoids null-filled columns."""
    made = as_column(column, json.dumps)
    path = tmp_path / f"rows.{ending}"
    if ending == "csv":
        path.write_text(rows.table(made), "utf-8")
    elif ending == "jsonl":
        rows.jsonl(path, made)
    else:
        pq = pytest.importorskip("pyarrow.parquet")
        pq.write_table(pytest.importorskip("pyarrow").Table.from_pylist(made), path)
    check_scored(seen(tmp_path, path.name, base), ANSWER)


# pandas writes a list into CSV as Python's own text; a JSON dump of a JSON dump; white space.
@pytest.mark.parametrize(("write", "name"), [
    (repr, "messages"),
    (lambda turns: json.dumps(json.dumps(turns)), "messages"),
    (lambda turns: f"  {json.dumps(turns, indent=1)}\n", "messages"),
], ids=["python", "twice", "indented"])  # fmt: skip
def test_turns_as_other_text_are_read_or_refused(
    tmp_path: Path, base: Path, write: Callable[[list[Row]], str], name: str
) -> None:
    (tmp_path / "rows.csv").write_text(rows.table(as_column("messages", write)), "utf-8")
    found = seen(tmp_path, "rows.csv", base)
    check_shown_or_refused(found, name, f"<|im_start|>user\n{question(FIRST)}{END}")
    if not found.locked:
        assert "prompt_column" not in found.plan.text and "columns" not in found.plan.err


def test_one_broken_text_of_turns_is_named_by_its_row(tmp_path: Path, base: Path) -> None:
    made = as_column("messages", json.dumps)
    made[3]["messages"] = made[3]["messages"][:-4]
    (tmp_path / "rows.csv").write_text(rows.table(made), "utf-8")
    found = seen(tmp_path, "rows.csv", base)
    check_named(found, "3" if found.report.code != 2 else "5")
