"""Personal data in all that a row says: found there, and taken out without touching the rest."""

import json

import pytest

from planner.data.personal.json_values import replaced, values
from planner.data.personal.rows import kinds_in, redacted_row
from planner.data.rows.rows import Message, Row
from tests.planner.data.check_rows import MATHS, REAL
from tests.planner.data.personal_scores import HALVES, labelled

ASKED = Message("user", "Write to jo@example.com")
ARGUMENTS = (
    ("jo@example.com", "[EMAIL]", "EMAIL"),
    (r"jo\u0040example.com", "[EMAIL]", "EMAIL"),
    (r"Jo:\njo@example.com", r"Jo:\n[EMAIL]", "EMAIL"),
    (r"Ring \"212-555-0187\"\tnow", r"Ring \"[PHONE]\"\tnow", "PHONE"),
    (r"C:\\Users\\ jo@example.com", r"C:\\Users\\ [EMAIL]", "EMAIL"),
    (r"{\"mail\": \"jo\\u0040example.com\", \"n\": 1.0}", r"{\"mail\": \"[EMAIL]\", \"n\": 1.0}",
     "EMAIL"),
    (r"[\"jo@example.com\", \"é\\u00e9\"]", r"[\"[EMAIL]\", \"é\\u00e9\"]", "EMAIL"),
    (r"{\"mail\": \"jo@example.com\"", r"{\"mail\": \"[EMAIL]\"", "EMAIL"),
)  # fmt: skip
"""Text inside JSON, what redaction makes of it, and what it takes out."""


@pytest.mark.parametrize(("said", "clean", "kind"), ARGUMENTS)
def test_values_are_read_as_what_they_say(said: str, clean: str, kind: str) -> None:
    form = (
        '{{"tool_calls":[{{"b":[1e400, {{"to":"{0}"}}],"a":12345678901234567890}}],"é":"\\u00e9"}}'
    )
    assert json.loads(form.format(said)) != json.loads(form.format(clean))
    for row, wanted in [
        (_calling(form.format(said)), _calling(form.format(clean))),
        (
            Row((MATHS[0].messages), tools=f'["{said}"]'),
            Row(MATHS[0].messages, tools=f'["{clean}"]'),
        ),
    ]:
        assert kinds_in(row) == [kind]
        assert redacted_row(row) == wanted


def _calling(more: str) -> Row:
    return Row((Message("user", "Do it"), Message("assistant", "", more), Message("tool", "Done")))


def test_every_turn_is_redacted_and_nothing_else() -> None:
    said = "jo@example.com, 212-555-0187"
    turns = tuple(Message(role, f"To {said}.") for role in ("system", "user", "assistant"))
    clean = tuple(Message(turn.role, "To [EMAIL], [PHONE].") for turn in turns)
    for liked in (True, False, None):
        row = Row(turns, rejected=turns[:2], liked=liked)
        assert redacted_row(row) == Row(clean, rejected=clean[:2], liked=liked)
    plain = Row((Message("text", said),))
    assert redacted_row(plain) == Row((Message("text", "[EMAIL], [PHONE]"),))


def test_a_key_tells_what_its_value_is() -> None:
    call = _calling('{"tool_calls":[{"password":"hunter2x9","name":"hunter2x9"}],"token":5}')
    assert kinds_in(call) == ["SECRET"]
    assert redacted_row(call).messages[1].more == (
        '{"tool_calls":[{"password":"[SECRET]","name":"hunter2x9"}],"token":5}'
    )
    assert kinds_in(_calling('{"tool_calls":[{"phone":"600 123 456"}]}')) == ["PHONE"]
    assert kinds_in(_calling('{"tool_calls":[{"order":"600 123 456"}]}')) == []


def test_keys_and_what_stands_in_another_value_are_left() -> None:
    kept = '{"tool_calls":[{"jo@example.com":"a","password":{"of":"x"},"b":["hunter2x9"]}]}'
    assert kinds_in(_calling(kept)) == [] and redacted_row(_calling(kept)) == _calling(kept)
    assert list(values('{"a":"b","c":["d",{"e":1,"f":"g"},"h"]}')) == [
        ("a", "b"), ("", "d"), ("f", "g"), ("", "h"),
    ]  # fmt: skip


def test_equal_texts_count_once() -> None:
    row = Row((ASKED, Message("assistant", "Yes")), rejected=(ASKED, Message("assistant", "No")))
    assert kinds_in(row) == ["EMAIL"]


def test_rows_without_personal_data_stay_as_they_are() -> None:
    for row in REAL:
        assert kinds_in(row) == [] and redacted_row(row) == row


@pytest.mark.parametrize("half", HALVES)
def test_redacting_twice_changes_nothing_more(half: str) -> None:
    for pieces in HALVES[half]:
        text = labelled(pieces)[0]
        call = json.dumps({"tool_calls": [{"text": text, "arguments": json.dumps({"of": text})}]})
        row = Row((Message("user", text), Message("assistant", "", call)), tools=f"[{call}]")
        clean = redacted_row(row)
        assert kinds_in(clean) == [] and redacted_row(clean) == clean
        assert json.loads(clean.messages[1].more)["tool_calls"][0].keys() == {"text", "arguments"}


@pytest.mark.parametrize(
    "text", ["{}", "[]", '"a"', "1", r'{"a\"b": "c\\", "d":"\ud83d"}', '{"a":"{\\"b\\":\\"c\\"}"}']
)
def test_what_is_not_changed_stays_byte_for_byte(text: str) -> None:
    assert replaced(text, lambda key, value: value) == text


def test_what_is_changed_is_json_again() -> None:
    text = r'{"a": "x\"y", "x": ["x\\", {"b": "{\"x\": \"x\\n\"}"}]}'
    changed = replaced(text, lambda key, value: value.replace("x", '"\n\ud800'))
    assert json.loads(changed) == {
        "a": '"\n\ud800"y',
        "x": ['"\n\ud800\\', {"b": '{"x": "\\"\\n\ud800\\n"}'}],
    }
