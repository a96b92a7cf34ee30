"""Conversations that chat templates differ in: system turns, tools, reasoning, several turns."""

from dataclasses import replace

from planner.data.rows.rows import Message, Row, in_order

PARAMETERS = {
    "type": "object",
    "properties": {"town": {"type": "string", "description": "Its name."}},
    "required": ["town"],
}
TOOL = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "Weather of a town",
        "parameters": PARAMETERS,
    },
}
TOOLS = in_order([TOOL])
SYSTEM = Message("system", "Be brief.")


def user(text: str) -> Message:
    return Message("user", text)


def said(text: str, thought: str = "", *towns: str) -> Message:
    """Return an answer with reasoning and calls, if it has any."""
    calls = [
        {
            "id": f"call_{town}",
            "type": "function",
            "function": {"name": "weather", "arguments": {"town": town, "days": 2}},
        }
        for town in towns
    ]
    keys = {"reasoning_content": thought} if thought else {}
    more = keys | ({"tool_calls": calls} if calls else {})
    return Message("assistant", text, in_order(more) if more else "")


def result(town: str, text: str) -> Message:
    return Message("tool", text, in_order({"tool_call_id": f"call_{town}", "name": "weather"}))


def unscored(turn: Message) -> Message:
    return replace(turn, scored=False)


ONE = (user("2+2?"), said("Four."))
TWO = (user("3+3?"), said("Six."))
THOUGHT = (user("2+2?"), said("Four.", "Two twice."))
THEN = (user("3+3?"), said("Six.", "Three twice."))
OSLO = (user("Oslo?"), said("", "", "Oslo"), result("Oslo", "4 degrees, rain"), said("Cold."))
ROME = (user("Rome?"), said("", "", "Rome"), result("Rome", "20 degrees"), said("Warm."))
BOTH = (
    user("Oslo, Rome?"), said("", "", "Oslo", "Rome"), result("Oslo", "4 degrees"),
    result("Rome", "20 degrees"), said("Cold, warm."),
)  # fmt: skip
OSLO_THOUGHT = (
    user("Oslo?"), said("", "I look it up.", "Oslo"), result("Oslo", "4 degrees, rain"),
    said("Cold.", "Four is cold."),
)  # fmt: skip
ROME_THOUGHT = (
    user("Rome?"), said("", "Once more.", "Rome"), result("Rome", "20 degrees"),
    said("Warm.", "Twenty is warm."),
)  # fmt: skip
ROWS = {
    "one": Row(ONE),
    "system": Row((SYSTEM, *ONE)),
    "several": Row((SYSTEM, *ONE, *TWO)),
    "second scored": Row((SYSTEM, ONE[0], unscored(ONE[1]), *TWO)),
    "tools unused": Row((SYSTEM, *ONE), tools=TOOLS),
    "call": Row((SYSTEM, *OSLO), tools=TOOLS),
    "call last": Row(OSLO[:2], tools=TOOLS),
    "call and text": Row((OSLO[0], said("Let me see.", "", "Oslo"), *OSLO[2:]), tools=TOOLS),
    "two calls": Row(BOTH, tools=TOOLS),
    "calls in two turns": Row((*OSLO, *ROME), tools=TOOLS),
    "reasoning": Row((SYSTEM, *THOUGHT)),
    "reasoning at the end": Row((*ONE, *THEN)),
    "reasoning twice": Row((*THOUGHT, *THEN)),
    "reasoning twice, second scored": Row((THOUGHT[0], unscored(THOUGHT[1]), *THEN)),
    "reasoning at first": Row((*THOUGHT, *TWO)),
    "reasoning and call": Row((SYSTEM, *OSLO_THOUGHT), tools=TOOLS),
    "reasoning and calls twice": Row((*OSLO_THOUGHT, *ROME_THOUGHT), tools=TOOLS),
}
"""Rows by what they have."""
