"""Reads the marks that say whether a turn counts in the loss."""

from typing import Any

from planner.data.files.raw import RawRow, fault
from planner.data.reading.how import How, refusal
from planner.data.reading.names import ANSWERS_ONLY, MARKS, flag, is_empty, plain

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
