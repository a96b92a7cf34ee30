"""Converts ShareGPT turns (`from` and `value`) to turns with roles.

The names of speakers are those that LLaMA-Factory and Axolotl document.
"""

from collections.abc import Mapping
from typing import Any

from planner.data.files.json_text import decode_inside
from planner.data.files.raw import RawRow, fault

SPEAKERS = {
    "system": "system",
    "human": "user",
    "user": "user",
    "gpt": "assistant",
    "chatgpt": "assistant",
    "assistant": "assistant",
    "tool": "tool",
    "observation": "tool",
    "function_response": "tool",
}
CALLS = ("function_call", "tool_call")
"""Speakers whose text is a tool call: a JSON object with `name`, or a list of them."""


def turn(raw: RawRow, number: int, found: Mapping[str, Any]) -> dict[str, Any]:
    """Return a turn with `role` and `content` and its other keys.

    `number` is its position in the row, from 1. Raises UsageProblem for an unknown speaker.
    """
    speaker, value = found["from"], found.get("value")
    rest = {key: one for key, one in found.items() if key not in ("from", "value")}
    if speaker in CALLS:
        return rest | {"role": "assistant", "tool_calls": _calls(raw, number, value)}
    if not isinstance(speaker, str) or speaker not in SPEAKERS:
        names = ", ".join(f"`{name}`" for name in (*SPEAKERS, *CALLS))
        raise fault(raw, f"message {number} is from `{speaker!s:.40}`, which is not one of {names}")
    if not isinstance(value, str):
        raise fault(raw, f"message {number} has no text in `value`")
    return rest | {"role": SPEAKERS[speaker], "content": value}


def _calls(raw: RawRow, number: int, value: object) -> list[dict[str, Any]]:
    where = f"`value` of message {number}"
    found = decode_inside(raw, value, where) if isinstance(value, str) else value
    calls = found if isinstance(found, list) else [found]
    if not calls or not all(isinstance(call, dict) and "name" in call for call in calls):
        raise fault(raw, f"has a call without a `name` in {where}")
    return [{"type": "function", "function": call} for call in calls]
