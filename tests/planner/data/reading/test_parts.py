"""Content that is a list of parts."""

import json
from pathlib import Path
from typing import Any

import pytest

from planner.data.rows.rows import Message
from tests.planner.data.format_rows import ANSWER, QUESTION, ROW, SAID, USER, one, problem, written


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ([{"type": "text", "text": QUESTION}], [{"type": "text", "text": ANSWER}]),
        ([{"type": "input_text", "text": QUESTION}], [{"type": "output_text", "text": ANSWER}]),
        ([QUESTION], [ANSWER[:5], ANSWER[5:]]),
        ([{"text": QUESTION}], [{"text": ANSWER}]),
        ([{"type": "text", "content": QUESTION}], [{"type": "text", "text": ANSWER, "id": 5}]),
        (QUESTION, [{"type": "text", "text": ANSWER, "image_url": None}]),
    ],
)
def test_texts_are_joined(asked: object, said: object, tmp_path: Path) -> None:
    turns = [USER | {"content": asked}, SAID | {"content": said}]
    assert one(tmp_path, {"messages": turns}) == ROW
    assert one(tmp_path, {"prompt": turns[:1], "completion": turns[1:]}) == ROW


def test_gemini_has_parts_and_contents(tmp_path: Path) -> None:
    turns = [
        {"role": "user", "parts": [{"text": QUESTION}]},
        {"role": "model", "parts": [{"text": ANSWER}]},
    ]
    system = {"systemInstruction": {"parts": [{"text": "Count."}]}}
    row = one(tmp_path, {"contents": turns} | system)
    assert row.messages == (Message("system", "Count."), *ROW.messages)


def test_anthropic_has_calls_answers_and_thinking_as_parts(tmp_path: Path) -> None:
    turns = [
        USER,
        {"role": "assistant", "content": [
            {"type": "thinking", "thinking": "Add.", "signature": "c2ln"},
            {"type": "text", "text": "Wait."},
            {"type": "tool_use", "id": "t1", "name": "sum", "input": {"a": 1}},
        ]},
        {"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": "t1", "content": [{"text": "72"}]},
            {"type": "text", "text": "So?"},
        ]},
        SAID,
    ]  # fmt: skip
    row = one(tmp_path, {"messages": turns})
    assert [turn.role for turn in row.messages] == [
        "user",
        "assistant",
        "tool",
        "user",
        "assistant",
    ]
    assert row.messages[1].content == "Wait."
    assert json.loads(row.messages[1].more) == {
        "reasoning_content": "Add.",
        "tool_calls": [
            {"type": "function", "id": "t1", "function": {"name": "sum", "arguments": {"a": 1}}}
        ],
    }
    assert row.messages[2] == Message("tool", "72", '{"tool_call_id":"t1"}')
    assert row.messages[3] == Message("user", "So?")


def _saying(*parts: object) -> dict[str, Any]:
    return {"messages": [USER, {"role": "assistant", "content": list(parts)}]}


TEXT = {"type": "text", "text": "b"}
CALL = {"type": "tool_use", "name": "sum", "input": {}}
WRONG: list[tuple[dict[str, Any], str]] = [
    (_saying(TEXT, {"type": "image_url", "image_url": {"url": "a"}}), "of the type `image_url`"),
    (_saying({"type": "input_audio", "input_audio": {}}), "of the type `input_audio`"),
    (_saying({"type": "video", "video": "a.mp4"}), "of the type `video`"),
    (_saying({"type": "text"}), "message 2 has a part without text"),
    (_saying(5), "message 2 has a part in its content that is not an object"),
    (_saying(CALL, TEXT), "of the type `text` after one of `tool_use`, an order that one turn"),
    (_saying(TEXT, {"type": "thinking", "thinking": "a"}), "`thinking` after one of `text`, an"),
    (_saying(), "message 2 has no text in `content`"),
    ({"messages": [USER, SAID], "images": ["a.png"]}, "`images`, which only a model with images"),
    ({"messages": [USER | {"image": "a.png"}, SAID]}, '`messages[].image: "a.png"`, which only'),
]


@pytest.mark.parametrize(("values", "said"), WRONG, ids=[said for _, said in WRONG])
def test_what_is_not_text_is_refused_by_name(
    values: dict[str, Any], said: str, tmp_path: Path
) -> None:
    assert said in problem(written(tmp_path / "a.jsonl", [values])).message


def test_an_empty_list_of_images_is_none(tmp_path: Path) -> None:
    assert one(tmp_path, {"messages": [USER, SAID], "images": [], "video": None}) == ROW
