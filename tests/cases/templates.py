"""Chat templates, each with a property of its own, and rows with tools to render with them."""

from typing import Any

from tests.cases import rows
from tests.cases.rows import Row, said

_TURN = "{{ '<|im_start|>' + m['role'] + '\\n' }}"
_PROMPT = "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
_LISTED = (
    "{% if tools %}{{ '<|im_start|>system\\nTOOLS ' + (tools|tojson) + '<|im_end|>' }}{% endif %}"
)
_CALLS = (
    "{% for c in (m.tool_calls or []) %}{{ 'CALL ' + c.function.name + ' '"
    " + (c.function.arguments|tojson) }}{% endfor %}"
)
_CONTENT = "{{ m['content'] or '' }}"
_END = "{{ '<|im_end|>' }}"


def turns(body: str, before: str = "", keep: str = "") -> str:
    """Return a template with a body for each turn `m`; `keep` is a condition of the loop."""
    loop = f"{{% for m in messages {keep}%}}"
    return f"{before}{loop}{_TURN}{body}{_END}{{% endfor %}}{_PROMPT}"


PLAIN_JINJA = turns(_CONTENT)
"""Prints the text of each turn alone."""
TOOLS_JINJA = turns(_CALLS + _CONTENT, _LISTED)
"""Prints tools, calls and text."""
_THOUGHT = (
    "{% if m.reasoning_content %}{{ '<think>' + m.reasoning_content + '</think>' }}{% endif %}"
)
REASONING_JINJA = turns(_THOUGHT + _CALLS + _CONTENT, _LISTED)
"""Prints reasoning too."""
NO_TOOLS_JINJA = turns(_CALLS + _CONTENT)
"""Prints calls, but not the tools of the row."""
FIRST_CALL_JINJA = turns(
    "{% if m.tool_calls %}{{ 'CALL ' + m.tool_calls[0].function.name + ' '"
    " + (m.tool_calls[0].function.arguments|tojson) }}{% endif %}" + _CONTENT,
    _LISTED,
)
"""Prints the first of several calls."""
NAMES_JINJA = turns(
    "{% for c in (m.tool_calls or []) %}{{ 'CALL ' + c.function.name }}{% endfor %}" + _CONTENT,
    _LISTED,
)
"""Prints the names of calls without their arguments."""
NO_SYSTEM_JINJA = turns(_CONTENT, keep="if m.role != 'system' ")
"""Leaves system turns out."""
NO_RESULTS_JINJA = turns(_CALLS + _CONTENT, _LISTED, keep="if m.role != 'tool' ")
"""Leaves the results of tools out."""
LONG_ONLY_JINJA = turns("{% if m.content|length > 9 %}{{ m.content }}{% endif %}")
"""Leaves short texts out."""
CUT_JINJA = turns("{{ m.content[:12] }}")
"""Cuts texts."""
LAST_ONLY_JINJA = "{% set messages = messages[-2:] %}" + turns(_CONTENT)
"""Leaves all but the last two turns out."""
TRIMMED_JINJA = turns("{{ m.content | trim }}")
"""Trims texts, as Meta's Llama 3 does."""

TOOLS: list[dict[str, Any]] = [
    {
        "type": "function",
        "function": {
            "name": "find_item",
            "description": "Looks an item up",
            "parameters": {
                "type": "object",
                "properties": {"item": {"type": "string"}, "since": {"type": "string"}},
                "required": ["item"],
            },
        },
    }
]
"""Tools in OpenAI's form."""
RESULT = '{"n": 2}'


def call(name: str = "find_item", **arguments: object) -> Row:
    """Return a call in OpenAI's form, with its arguments as an object."""
    return {
        "id": "call_1",
        "type": "function",
        "function": {"name": name, "arguments": arguments},
    }


def calling(thing: str, *calls: object, **more: object) -> Row:
    """Return a row in which the assistant calls and then answers; by default one call."""
    asks = said("assistant", None, tool_calls=list(calls or [call(item=thing)])) | more
    return {
        "messages": [
            said("user", rows.question(thing)),
            asks,
            said("tool", RESULT, tool_call_id="call_1", name="find_item"),
            said("assistant", rows.answer(thing)),
        ],
        "tools": TOOLS,
    }
