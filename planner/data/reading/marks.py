"""Reads the marks that say whether a turn counts in the loss."""

from dataclasses import replace
from typing import Any

from planner.data.files.json_text import decode_inside
from planner.data.files.raw import RawRow, fault
from planner.data.reading.how import How, refusal
from planner.data.reading.names import ANSWERS_ONLY, MARKS, flag, is_empty, plain
from planner.data.rows.rows import Message, Row

_VALUES = "and only 0 and 1, or false and true, are supported"
_ELSEWHERE = "but only an assistant's turns can be trained on"


def scored(raw: RawRow, number: int, turn: dict[str, Any], role: str, path: str, how: How) -> bool:
    """Return whether a turn counts in the loss; `path` is that of turns, for the account.

    Raises UsageProblem for marks that contradict each other or ask for a fraction, and for marks
    that ask to train on a turn of another role than the assistant.
    """
    found: dict[str, bool] = {}
    for key, value in turn.items():
        name = plain(key)
        if name not in MARKS or is_empty(value):
            continue
        asked = flag(value)
        if asked is None:
            raise refusal(raw, f"{path}.{key}", value, _VALUES)
        wanted = asked == MARKS[name]
        if role == "assistant" or not wanted:
            found[key] = wanted
            how.account.use(f"{path}.{key}", "loss mask")
        elif name in ANSWERS_ONLY or not MARKS[name]:
            how.account.leave(f"{path}.{key} of {role} turns")
        else:
            raise refusal(raw, f"{path}.{key}", value, _ELSEWHERE)
    if len(set(found.values())) > 1:
        said = " and ".join(f"`{key}`" for key in found)
        raise fault(raw, f"message {number} has {said}, which contradict each other")
    return role != "assistant" or all(found.values())


def with_marks(raw: RawRow, row: Row, used: set[str], how: How) -> Row:
    """Apply a list of marks, one for each turn or one for each answer."""
    for name, value in raw.values.items():
        known = plain(name)
        mark = known if known in MARKS else known.removesuffix("s")
        if name in used or mark not in MARKS or is_empty(value):
            continue
        if isinstance(value, str) and value.lstrip()[:1] == "[":
            value = decode_inside(raw, value, f"`{name}`")
        if not isinstance(value, list):
            continue
        used.add(name)
        row = replace(row, messages=_marked(raw, row.messages, name, MARKS[mark], value))
        how.account.use(name, "loss mask")
    return row


def _marked(
    raw: RawRow, messages: tuple[Message, ...], name: str, counts: bool, value: list[Any]
) -> tuple[Message, ...]:
    answers = [place for place, turn in enumerate(messages) if turn.role == "assistant"]
    places = {len(messages): range(len(messages)), len(answers): answers}.get(len(value))
    flags = [counts if one is None else flag(one) for one in value]
    if places is None or None in flags:
        why = "and only a 0 or 1 for each turn, or for each answer, is supported"
        raise refusal(raw, name, value, why)
    made = list(messages)
    for at, (place, said) in enumerate(zip(places, flags, strict=True)):
        scored = said == counts
        if made[place].role == "assistant":
            made[place] = replace(made[place], scored=scored)
        elif scored and value[at] is not None:
            raise refusal(raw, name, value, "but only an assistant's turns can be trained on")
    return tuple(made)
