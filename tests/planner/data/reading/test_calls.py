"""Tool calls and tools of every form become the same row."""

import json
from pathlib import Path
from typing import Any

import pytest

from planner.data.rows.rows import Message, Row
from tests.planner.data.format_rows import USER, one, problem, written

ARGUMENTS = {"item": "kettle", "sizes": [1, 2]}
FUNCTION = {"name": "find", "arguments": ARGUMENTS}
CALL = {"type": "function", "function": FUNCTION}
TEXT = {"name": "find", "arguments": json.dumps(ARGUMENTS)}
SCHEMA = {"type": "object", "properties": {"item": {"type": "string"}}}
TOOL = {"name": "find", "description": "Looks up.", "parameters": SCHEMA}
DONE = {"role": "assistant", "content": "Two."}
BACK = {"role": "tool", "content": "2"}


def more(call: dict[str, Any]) -> str:
    return json.dumps({"tool_calls": [call]}, separators=(",", ":"))


WANTED = (
    Message("user", USER["content"]),
    Message("assistant", "", more(CALL)),
    Message("tool", "2"),
    Message("assistant", "Two."),
)
OF_A_TURN: list[dict[str, Any]] = [
    {"tool_calls": [CALL]},
    {"tool_calls": [{"type": "function", "function": TEXT}]},
    {"tool_calls": [{"function": FUNCTION}]},
    {"tool_calls": [FUNCTION]},
    {"tool_calls": [TEXT]},
    {"tool_calls": [TEXT | {"arguments": json.dumps(TEXT["arguments"])}]},
    {"tool_calls": [{"name": "find", "parameters": ARGUMENTS}]},
    {"tool_calls": [{"name": "find", "input": ARGUMENTS}]},
    {"tool_calls": [{"name": "find", "args": ARGUMENTS, "type": "tool_call"}]},
    {"tool_calls": json.dumps([CALL])},
    {"toolCalls": [CALL]},
    {"Tool Calls": [CALL], "tool_calls": None},
    {"tool_calls": [json.dumps(FUNCTION)]},
    {"function_call": TEXT},
    {"function_call": json.dumps(TEXT), "tool_calls": []},
    {"content": [{"type": "tool_use", "name": "find", "input": ARGUMENTS}]},
]


@pytest.mark.parametrize("said", OF_A_TURN, ids=str)
def test_a_call_in_a_turn(said: dict[str, Any], tmp_path: Path) -> None:
    asking = {"role": "assistant", "content": None} | said
    assert one(tmp_path, {"messages": [USER, asking, BACK, DONE]}).messages == WANTED


@pytest.mark.parametrize("speaker", ["function_call", "tool_call", "Tool Calls"])
@pytest.mark.parametrize("text", [json.dumps(FUNCTION), json.dumps([TEXT]), FUNCTION])
@pytest.mark.parametrize("answers", ["tool", "function", "observation", "tool_response", "ipython"])
@pytest.mark.parametrize("keys", [("role", "content"), ("from", "value")])
def test_a_turn_that_is_a_call(
    speaker: str, text: object, answers: str, keys: tuple[str, str], tmp_path: Path
) -> None:
    said = (("user", USER["content"]), (speaker, text), (answers, "2"), ("assistant", "Two."))
    turns = [dict(zip(keys, turn, strict=True)) for turn in said]
    assert one(tmp_path, {"messages": turns}).messages == WANTED


def test_calls_that_follow_an_answer_or_a_call_join_it(tmp_path: Path) -> None:
    call = {"role": "tool_call", "content": json.dumps(FUNCTION)}
    before = {"role": "assistant", "content": "Let me look."}
    row = one(tmp_path, {"messages": [USER, before, call, call, BACK, BACK, DONE]})
    roles = [turn.role for turn in row.messages]
    assert roles == ["user", "assistant", "tool", "tool", "assistant"]
    assert row.messages[1].content == "Let me look."
    assert json.loads(row.messages[1].more) == {"tool_calls": [CALL, CALL]}
    apart = one(tmp_path, {"messages": [USER, before | {"weight": 0}, call, BACK, DONE]})
    assert [turn.scored for turn in apart.messages] == [True, False, True, True, True]


def test_ids_of_calls_and_of_their_answers_are_kept(tmp_path: Path) -> None:
    asking = {"role": "assistant", "tool_calls": [{"id": "c1", **CALL}]}
    for key in ("tool_call_id", "tool_use_id", "call_id", "toolCallId"):
        row = one(tmp_path, {"messages": [USER, asking, BACK | {key: "c1"}, DONE]})
        assert row.messages[1].more == more({"id": "c1", **CALL})
        assert row.messages[2].more == '{"tool_call_id":"c1"}'
    flat = {"role": "assistant", "tool_calls": [{"id": 7, **FUNCTION}]}
    call = json.loads(one(tmp_path, {"messages": [USER, flat]}).messages[1].more)["tool_calls"][0]
    assert call == {"type": "function", "id": "7", "function": FUNCTION}


def test_what_a_tool_answers_may_be_any_value(tmp_path: Path) -> None:
    found = [{"role": "tool", "content": value} for value in ({"n": 2}, [1, "é"], 3.5)]
    row = one(tmp_path, {"messages": [USER, *found, DONE]})
    assert [turn.content for turn in row.messages[1:4]] == ['{"n": 2}', '[1, "é"]', "3.5"]


OF_A_ROW: list[dict[str, Any]] = [
    {"tools": [{"type": "function", "function": TOOL}]},
    {"tools": [{"function": TOOL}]},
    {"tools": [TOOL]},
    {"tools": json.dumps([TOOL])},
    {"tools": [json.dumps(TOOL)]},
    {"tools": [{"type": "function", **TOOL}]},
    {"functions": [TOOL]},
    {"functions": json.dumps([TOOL]), "tools": None},
    {"tools": [TOOL], "functions": [TOOL]},
    {"tools": [{"name": "find", "description": "Looks up.", "input_schema": SCHEMA}]},
    {"tools": [{"functionDeclarations": [TOOL]}]},
    {"tool_defs": [TOOL]},
    {"api list": json.dumps([{"type": "function", "function": TOOL}])},
]


@pytest.mark.parametrize("tools", OF_A_ROW, ids=str)
def test_tools_of_a_row(tools: dict[str, Any], tmp_path: Path) -> None:
    wanted = json.dumps([{"type": "function", "function": TOOL}], separators=(",", ":"))
    assert one(tmp_path, {"messages": [USER, DONE]} | tools).tools == wanted
    assert one(tmp_path, {"prompt": "a", "completion": "b"} | tools).tools == wanted


@pytest.mark.parametrize("name", ["tools", "functions"])
def test_tools_in_a_system_turn(name: str, tmp_path: Path) -> None:
    system = {"role": "system", "content": "Be brief.", name: [TOOL]}
    row = one(tmp_path, {"messages": [system, USER, DONE]})
    bare = one(tmp_path, {"messages": [{"role": "system", "content": "Be brief."}, USER, DONE]})
    assert row == Row(
        bare.messages, tools=one(tmp_path, {"messages": [USER], "tools": [TOOL]}).tools
    )


def _calling(call: object) -> dict[str, Any]:
    return {"messages": [USER, {"role": "assistant", "content": "", "tool_calls": [call]}]}


WRONG: list[tuple[dict[str, Any], str]] = [
    (_calling({"name": "find", "arguments": "item=1"}), "invalid JSON in the arguments of `find`"),
    (_calling({"name": "find", "arguments": "[1]"}), "no object in the arguments of `find`"),
    (_calling({"name": "find", "arguments": 5}), "no object in the arguments of `find`"),
    (_calling({"arguments": {}}), "a call without a `name` in `tool_calls` of message 2"),
    (_calling({"type": "web_search", "name": "find"}), "a call of the type `web_search`"),
    (_calling(5), "a call without a `name`"),
    ({"messages": [USER, DONE], "tools": [{"type": "web_search"}]}, "the type `web_search`"),
    ({"messages": [USER, DONE], "tools": [{"parameters": {}}]}, "a tool without a `name` in"),
    ({"messages": [USER, DONE], "tools": [5]}, "a tool in `tools` that is not an object"),
    ({"messages": [USER, DONE], "tools": [TOOL], "functions": [{"name": "b"}]}, "different tools"),
    ({"messages": [USER | {"tools": [TOOL]}, DONE]}, "`messages[].tools`, which is not used"),
    ({"messages": [USER, DONE], "tool_calls": [CALL]}, "`tool_calls`, which is not used at this"),
]  # fmt: skip


@pytest.mark.parametrize(("values", "said"), WRONG, ids=[said for _, said in WRONG])
def test_a_wrong_call_or_tool_is_named(values: dict[str, Any], said: str, tmp_path: Path) -> None:
    assert said in problem(written(tmp_path / "a.jsonl", [values])).message


@pytest.mark.parametrize("as_text", [True, False])
@pytest.mark.parametrize("answer", ["answers", "output", "completion"])
@pytest.mark.parametrize("prompt", ["query", "instruction", "prompt"])
def test_an_answer_of_calls_to_the_tools_is_calls(
    prompt: str, answer: str, as_text: bool, tmp_path: Path
) -> None:
    """xLAM's rows, and Alpaca's with tools."""
    if (prompt, answer) == ("instruction", "output") and not as_text:
        return  # an Alpaca row has text
    calls, tools = [FUNCTION, FUNCTION | {"arguments": {}}], [TOOL]
    row = {
        prompt: USER["content"],
        answer: json.dumps(calls) if as_text else calls,
        "tools": json.dumps(tools) if as_text else tools,
    }
    made = one(tmp_path, row)
    said = json.loads(made.messages[-1].more)["tool_calls"]
    assert made.messages[-1].content == ""
    assert said == [CALL, CALL | {"function": FUNCTION | {"arguments": {}}}]


@pytest.mark.parametrize("said", ['[{"name": "other", "arguments": {}}]', '{"name": "find"}', "[]"])
def test_other_json_stays_text(said: str, tmp_path: Path) -> None:
    made = one(tmp_path, {"prompt": "q", "completion": said, "tools": json.dumps([TOOL])})
    assert made.messages[-1] == Message("assistant", said)
