"""Calls in every form that people have, rendered in the form that each template takes."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cases import models, rows
from tests.cases.conftest import Model
from tests.cases.rows import FIRST, Row, said, spoken
from tests.cases.seen import check_refused, check_shown_or_refused, looked, seen
from tests.cases.templates import RESULT, TOOLS, TOOLS_JINJA, call, calling

FUNCTION = TOOLS[0]["function"]
QWEN = f'{{"name": "find_item", "arguments": {{"item": "{FIRST}"}}}}'
"""The call of the first row, as Qwen2.5 has it."""


def as_text(thing: str) -> Row:
    """Return a row with a call whose arguments are JSON text, as OpenAI has them."""
    function = {"name": "find_item", "arguments": json.dumps({"item": thing})}
    return calling(thing, {"id": "call_1", "type": "function", "function": function})


# axolotl PR 3136, oumi PR 2599, transformers 45419.
@pytest.mark.parametrize(("name", "wanted"), [
    ("qwen2_5", QWEN),
    ("llama3_1", f'{{"name": "find_item", "parameters": {{"item": "{FIRST}"}}}}'),
    ("gptoss", f'{{"item": "{FIRST}"}}'),
    ("glm4moe", f"<arg_value>{FIRST}</arg_value>"),
    ("deepseekv3", f'{{"item": "{FIRST}"}}'),
    ("qwen3", QWEN),
])  # fmt: skip
@pytest.mark.parametrize("make", [as_text, calling], ids=["text", "object"])
def test_arguments_take_the_form_of_the_template(
    tmp_path: Path, model: Model, name: str, wanted: str, make: Callable[[str], Row]
) -> None:
    found = looked(tmp_path, model(name, models.known(name)), rows.made(make))
    assert wanted in "".join(found.scored), found.scored


def openai(*asks: Row, tools: object = TOOLS) -> Callable[[str], Row]:
    """Return a maker of rows whose assistant turn has more keys."""

    def make(thing: str) -> Row:
        row = calling(thing)
        row["messages"][1] = json.loads(json.dumps(asks[0]).replace("THING", thing))
        return row | {"tools": tools}

    return make


def turn(*calls: object) -> Row:
    """Return a turn with calls about `THING`."""
    return said("assistant", None, tool_calls=list(calls))


def sharegpt(arguments_as_text: bool, several: bool = False) -> Callable[[str], Row]:
    """Return a maker of ShareGPT rows with a call as a turn."""

    def make(thing: str) -> Row:
        arguments: object = {"item": thing}
        if arguments_as_text:
            arguments = json.dumps(arguments)
        one = {"name": "find_item", "arguments": arguments}
        turns = [
            spoken("human", rows.question(thing)),
            spoken("function_call", json.dumps([one, one] if several else one)),
            spoken("observation", RESULT),
            spoken("gpt", rows.answer(thing)),
        ]
        return {"conversations": turns, "tools": json.dumps([FUNCTION])}

    return make


def legacy(thing: str) -> Row:
    """Return a row in OpenAI's older form: `function_call`, the role `function`, `functions`."""
    asks = {"name": "find_item", "arguments": json.dumps({"item": thing})}
    return {
        "messages": [
            said("user", rows.question(thing)),
            said("assistant", None, function_call=asks),
            said("function", RESULT, name="find_item"),
            said("assistant", rows.answer(thing)),
        ],
        "functions": [FUNCTION],
    }


ITEM = {"item": "THING"}
TEXT = json.dumps(ITEM)


# FastChat 3017 and OpenAI's older form; flat calls (oumi PR 2599), Llama's `parameters`; calls as
# text in a turn (trl 5118 for tools); ShareGPT (axolotl 752); Anthropic's `input`; doubly encoded.
@pytest.mark.parametrize("make", [
    legacy,
    openai(turn({"name": "find_item", "arguments": ITEM})),
    openai(turn({"name": "find_item", "arguments": TEXT})),
    openai(turn({"name": "find_item", "parameters": ITEM})),
    openai(turn({"function": {"name": "find_item", "arguments": ITEM}})),
    openai(turn({"function": {"name": "find_item", "arguments": json.dumps(TEXT)}})),
    openai(said("assistant", None, tool_calls=json.dumps([call(item="THING")]))),
    openai(said("assistant", "", function_call={"name": "find_item", "arguments": ITEM})),
    sharegpt(arguments_as_text=False),
    sharegpt(arguments_as_text=True),
    sharegpt(arguments_as_text=True, several=True),
], ids=["legacy", "flat", "flat-text", "parameters", "no-type", "twice-encoded", "calls-as-text",
        "function_call-object", "sharegpt", "sharegpt-text", "sharegpt-two"])  # fmt: skip
def test_a_call_in_another_form_is_the_same_call(
    tmp_path: Path, model: Model, make: Callable[[str], Row]
) -> None:
    found = looked(tmp_path, model("qwen2_5", models.known("qwen2_5")), rows.made(make))
    assert found.locked, found.plan.err
    assert QWEN in "".join(found.scored), found.scored
    assert '"type": "function", "function": {"name": "find_item"' in found.text


# Functions without arguments: OpenAI's `"{}"`, `""` of some servers, null of Parquet.
@pytest.mark.parametrize("none", [{}, "{}", "", None], ids=["object", "text", "empty", "null"])
def test_no_arguments_are_an_empty_object(tmp_path: Path, model: Model, none: object) -> None:
    one = {"type": "function", "function": {"name": "find_item", "arguments": none}}
    made = rows.made(openai(turn(one)))
    found = looked(tmp_path, model("qwen2_5", models.known("qwen2_5")), made)
    assert found.locked, found.plan.err
    assert '{"name": "find_item", "arguments": {}}' in "".join(found.scored)


@pytest.mark.parametrize("broken", ["{'item': 1}", "item=kettle", '{"item": ', "[1, 2]", "7"])
def test_arguments_that_are_no_object_are_refused(
    tmp_path: Path, model: Model, broken: str
) -> None:
    one = {"type": "function", "function": {"name": "find_item", "arguments": broken}}
    made = rows.made(openai(turn(one)))
    found = looked(tmp_path, model("qwen2_5", models.known("qwen2_5")), made)
    check_refused(found, "arguments")


BARE = [FUNCTION]
ANTHROPIC = [{"name": "find_item", "description": "Looks an item up",
              "input_schema": FUNCTION["parameters"]}]  # fmt: skip


# prime-rl PR 2494 and xLAM (bare functions), ms-swift (each as text), TRL PR 5118 (all as text).
@pytest.mark.parametrize("tools", [
    BARE, json.dumps(BARE), [json.dumps(one) for one in TOOLS], json.dumps(TOOLS), TOOLS[0],
], ids=["bare", "bare-text", "each-text", "text", "one-object"])  # fmt: skip
def test_tools_in_another_form_are_the_same_tools(
    tmp_path: Path, model: Model, tools: object
) -> None:
    made = rows.made(lambda thing: calling(thing) | {"tools": tools})
    found = looked(tmp_path, model("qwen2_5", models.known("qwen2_5")), made)
    full = '{"type": "function", "function": {"name": "find_item"'
    check_shown_or_refused(found, "tools", full, '"required": ["item"]', QWEN)


def test_anthropics_tools_are_converted_or_refused(tmp_path: Path, model: Model) -> None:
    made = rows.made(lambda thing: calling(thing) | {"tools": ANTHROPIC})
    found = looked(tmp_path, model("qwen2_5", models.known("qwen2_5")), made)
    full = '{"type": "function", "function": {"name": "find_item"'
    check_shown_or_refused(found, "input_schema", full, '"parameters"')


@pytest.mark.parametrize("none", [{"tool_calls": None}, {"tool_calls": []},
                                  {"function_call": None, "tool_calls": None}],
                         ids=["null", "list", "both"])  # fmt: skip
def test_no_calls_are_none(tmp_path: Path, base: Path, none: Row) -> None:
    """Dumps of a client's objects have a null for each field."""
    made = rows.made(
        lambda thing: {"messages": [said("user", thing), said("assistant", "Yes.", **none)]}
    )
    found = looked(tmp_path, base, made)
    assert found.locked and found.scored == ["Yes.<|im_end|>"]


def test_a_result_that_is_an_object_is_text(tmp_path: Path, model: Model) -> None:
    """A tool's content as JSON instead of text."""

    def row(thing: str) -> Row:
        made = calling(thing)
        made["messages"][2]["content"] = {"n": 2}
        return made

    tools = model("tools", models.template(TOOLS_JINJA))
    found = looked(tmp_path, tools, rows.made(row))
    check_shown_or_refused(found, "content", RESULT)


def test_nulls_that_parquet_fills_in_are_no_arguments(tmp_path: Path, model: Model) -> None:
    """axolotl PR 2909, ms-swift PR 10110: two functions share one table of columns."""
    pq = pytest.importorskip("pyarrow.parquet")
    pa = pytest.importorskip("pyarrow")

    def row(thing: str) -> Row:
        return calling(thing, call(item=thing), call("count_items", since="monday"))

    pq.write_table(pa.Table.from_pylist(rows.made(row)), tmp_path / "rows.parquet")
    found = seen(tmp_path, "rows.parquet", model("qwen2_5", models.known("qwen2_5")))
    assert found.locked, found.plan.err
    assert "null" not in "".join(found.scored) and QWEN in "".join(found.scored)
