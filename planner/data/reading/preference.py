"""Reads preference data: pairs of answers, or single answers with a label.

The forms are TRL 1.16's `preference`, with a prompt or without, and `unpaired preference`.
"""

from collections.abc import Mapping
from typing import Any

from planner.data.files.raw import RawRow, fault
from planner.data.reading.how import How
from planner.data.reading.turns import said, text, turns
from planner.data.rows.rows import Message, Row

_LABELS = {"true": True, "false": False, "1": True, "0": False}
_OTHER_PROMPTS = ("question", "instruction", "query", "input")


def is_preference(values: Mapping[str, Any]) -> bool:
    """Return whether a row is a pair of answers.

    Texts without a `prompt` count only if no other column could be the prompt: TRL uses only
    `prompt`, and would train without it.
    """
    if "chosen" not in values or "rejected" not in values:
        return False
    told = "prompt" in values or not isinstance(values["chosen"], str)
    return told or not any(name in values for name in _OTHER_PROMPTS)


def liked(values: Mapping[str, Any]) -> bool | None:
    """Return the row's `label`: true, false, 1 or 0, also as text; None for anything else."""
    label = values.get("label")
    return None if label is None else _LABELS.get(str(label).lower())


def feedback(raw: RawRow, how: How) -> Row:
    """Return the row of an answer with its label."""
    good = liked(raw.values)
    if good is None:
        raise fault(raw, "must have true or false in `label`")
    answered = exchange(raw, "prompt", "completion", how)
    return Row(answered.messages, liked=good)


def exchange(raw: RawRow, prompt: str, completion: str, how: How) -> Row:
    """Return the row of a prompt column and an answer column, each text or a list of turns."""
    messages = said(raw, prompt, "user", how) + said(raw, completion, "assistant", how)
    return Row(tuple(messages))


def preference(raw: RawRow, how: How) -> Row:
    """Return the row of a prompt and two answers.

    Without a prompt, or if `prompt` is text and the answers are full conversations, the common
    beginning of both is the prompt.
    """
    chosen, rejected = (_conversation(raw, column, how) for column in ("chosen", "rejected"))
    if not _begin_alike(chosen[0], rejected[0]):
        raise fault(raw, "has no prompt, since `chosen` and `rejected` begin differently")
    return Row(tuple(chosen), tuple(rejected))


def _conversation(raw: RawRow, column: str, how: How) -> list[Message]:
    """Return the prompt and the answer in a column."""
    value, prompt = raw.values.get(column), raw.values.get("prompt")
    if prompt is None:
        return turns(raw, column, how) if isinstance(value, list) else [_nobody(raw, column)]
    asked, answer = said(raw, "prompt", "user", how), said(raw, column, "assistant", how)
    begun = answer[0].role != "assistant"
    if begun and (isinstance(prompt, str) or answer[: len(asked)] == asked):
        return answer
    return asked + answer


def _begin_alike(chosen: Message, rejected: Message) -> bool:
    if chosen.role == rejected.role == "text":
        return chosen.content[:1] == rejected.content[:1]
    return chosen == rejected


def _nobody(raw: RawRow, column: str) -> Message:
    return Message("text", text(raw, column))
