"""Rows of a prompt and a completion, and turns under other keys: used, or refused by name."""

from pathlib import Path

import pytest

from tests.cases import models, rows, templates
from tests.cases.conftest import Model
from tests.cases.rows import FIRST, Row, answer, question, said
from tests.cases.seen import (
    check_named,
    check_refused,
    check_scored,
    check_shown_or_refused,
    looked,
)

END = "<|im_end|>"
ANSWER = f"{answer(FIRST)}{END}"


def test_tools_of_a_prompt_and_a_completion_are_used(tmp_path: Path, model: Model) -> None:
    """TRL's conversational form, with a column `tools` (TRL PR 3597)."""

    def row(thing: str) -> Row:
        asks = said("assistant", "", tool_calls=[templates.call(item=thing)])
        return {
            "prompt": [said("user", question(thing))],
            "completion": [asks],
            "tools": templates.TOOLS,
        }

    tools = model("tools", models.template(templates.TOOLS_JINJA))
    found = looked(tmp_path, tools, rows.made(row))
    call = f'CALL find_item {{"item": "{FIRST}"}}{END}'
    check_shown_or_refused(found, "tools", "Looks an item up", call)


def test_a_call_in_a_completion_that_vanishes_is_refused(tmp_path: Path, base: Path) -> None:
    def row(thing: str) -> Row:
        asks = said("assistant", "", tool_calls=[templates.call(item=thing)])
        return {"prompt": [said("user", question(thing))], "completion": [asks]}

    check_refused(looked(tmp_path, base, rows.made(row)), "tool_calls")


def test_a_mark_of_a_completion_is_kept_to(tmp_path: Path, base: Path) -> None:
    def row(thing: str) -> Row:
        turns = [
            said("assistant", "WRONG.", weight=0), said("user", "Sure?"),
            said("assistant", answer(thing), weight=1),
        ]  # fmt: skip
        return {"prompt": [said("user", question(thing))], "completion": turns}

    found = looked(tmp_path, base, rows.made(row))
    if found.locked:
        check_scored(found, ANSWER)
    else:
        check_refused(found, "weight")


# Names of keys in other programs' chats: `text` (FastChat's older form), `speaker`, `message`.
@pytest.mark.parametrize(("who", "what"), [
    ("role", "text"), ("role", "value"), ("from", "content"), ("speaker", "text"),
    ("role", "message"),
])  # fmt: skip
@pytest.mark.parametrize("column", ["messages", "conversations"])
def test_other_keys_of_a_turn_are_used_or_refused(
    tmp_path: Path, base: Path, who: str, what: str, column: str
) -> None:
    def row(thing: str) -> Row:
        turns = [
            {who: "user", what: question(thing)}, {who: "assistant", what: answer(thing)},
        ]  # fmt: skip
        return {column: turns}

    found = looked(tmp_path, base, rows.made(row))
    if found.locked:
        check_scored(found, ANSWER)
        assert question(FIRST) in found.text
    else:
        check_refused(found)
        assert any(found.names(key) for key in (who, what, "role", "content", "value"))
        assert "None" not in found.plan.err, found.plan.err


def test_text_in_two_keys_of_a_turn_is_not_lost(tmp_path: Path, base: Path) -> None:
    def row(thing: str) -> Row:
        turns = rows.asked(thing)["messages"]
        turns[1]["value"] = f"No {thing} at all."
        return {"messages": turns}

    check_named(looked(tmp_path, base, rows.made(row)), "value")


# Fields of the clients of OpenAI, Mistral (`prefix`) and LangChain: nothing is learned from them.
@pytest.mark.parametrize("more", [
    {"id": "msg_1"}, {"prefix": False}, {"additional_kwargs": {}}, {"refusal": None, "audio": None},
], ids=lambda more: next(iter(more)))  # fmt: skip
def test_a_harmless_key_of_a_turn_is_no_hindrance(tmp_path: Path, base: Path, more: Row) -> None:
    made = rows.made(
        lambda thing: {
            "messages": [said("user", question(thing)), said("assistant", answer(thing), **more)]
        }
    )
    check_scored(looked(tmp_path, base, made), ANSWER)


def test_a_refusal_in_place_of_content_is_used_or_refused(tmp_path: Path, base: Path) -> None:
    """OpenAI's models answer with `refusal` and a null for `content`."""
    turn = said("assistant", None, refusal="I cannot help with that.")
    made = rows.made(lambda thing: {"messages": [said("user", question(thing)), turn]})
    found = looked(tmp_path, base, made)
    check_shown_or_refused(found, "content", "I cannot help with that.")


def test_settings_of_a_request_are_named(tmp_path: Path, model: Model) -> None:
    """OpenAI's files for fine-tuning have `parallel_tool_calls`."""
    tools = model("tools", models.template(templates.TOOLS_JINJA))
    made = rows.made(lambda thing: templates.calling(thing) | {"parallel_tool_calls": False})
    found = looked(tmp_path, tools, made)
    assert found.locked, found.plan.err
    check_named(found, "parallel_tool_calls")


@pytest.mark.parametrize("value", [7, 3.5, True, ["Yes.", "No."], {"text": "Yes."}],
                         ids=["integer", "number", "boolean", "list", "object"])  # fmt: skip
def test_an_answer_that_is_no_text_is_text_or_refused(
    tmp_path: Path, base: Path, value: object
) -> None:
    """A column of numbers, as answers of arithmetic are."""
    made = rows.made(lambda thing: {"prompt": question(thing), "completion": value})
    found = looked(tmp_path, base, made)
    if found.locked:
        assert str(value).lower() in found.scored[0].lower()
    else:
        check_refused(found)


def test_an_instruction_that_is_empty_leaves_the_input(tmp_path: Path, base: Path) -> None:
    made = rows.made(
        lambda thing: {"instruction": "", "input": question(thing), "output": answer(thing)}
    )
    found = looked(tmp_path, base, made)
    check_scored(found, ANSWER)
    assert question(FIRST) in found.text


@pytest.mark.parametrize("more", ["chosen", "rejected"])
def test_an_answer_beside_a_chat_is_not_lost(tmp_path: Path, base: Path, more: str) -> None:
    """LLaMA-Factory's rankings: `chosen` or `rejected` beside turns."""
    made = rows.made(lambda thing: rows.asked(thing) | {more: f"Another {thing}."})
    check_named(looked(tmp_path, base, made), more)
