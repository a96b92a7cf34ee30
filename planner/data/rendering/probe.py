"""Finds the form of tools and calls that a template takes, by rendering marked conversations.

The right form is the one in which the arguments reach the text, neither as a text inside JSON nor
in Python's notation of an object.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import product
from typing import Any

from planner.data.rendering.forms import (
    Arguments,
    Form,
    Ids,
    Silent,
    shaped,
    shaped_tools,
    with_ids,
)
from planner.data.rendering.parts import Turn

RenderTurns = Callable[[list[Turn], list[Any] | None], str | None]
"""Renders turns and tools in their given form; None if the template refuses them."""
_ASKED, _SAID, _NAME, _TOLD, _KEY, _VALUE, _RESULT = (f"~4817{n}~" for n in range(7))
_OWN_IDS = ("", "c1", "call_48170")
"""Ids of rows: none, a short one and a long one."""
_IDS: tuple[Ids, ...] = ("given", "any", "nine")
_SILENT: tuple[Silent, ...] = ("empty", "absent", "null")
_ARGUMENTS: tuple[Arguments, ...] = ("object", "text")
_USER: Turn = {"role": "user", "content": _ASKED}
_ANSWER: Turn = {"role": "assistant", "content": _SAID}
_TOOL = {
    "type": "function",
    "function": {
        "name": _NAME,
        "description": _TOLD,
        "parameters": {
            "type": "object",
            "properties": {_KEY: {"type": "string", "description": "A text."}},
            "required": [_KEY],
        },
    },
}


def form_of(render: RenderTurns, *, tools: bool) -> Form:
    """Return the form that a template takes; the usual one where no form reaches the text.

    Without `tools`, only the form of content is probed.
    """
    form = Form()
    for form in (Form(), Form(parts=True)):
        found = render(shaped([_USER, _ANSWER], form), None)
        if _prints(found, _ASKED, _SAID) and not _prints_parts(found):
            break
    else:
        form = Form()
    return _with_calls(_with_tools(form, render), render) if tools else form


def _with_tools(form: Form, render: RenderTurns) -> Form:
    for one in (form, replace(form, flat_tools=True)):
        found = render(shaped([_USER], one), shaped_tools([_TOOL], one))
        if _prints(found, _NAME, _TOLD):
            return one
    return form


def _with_calls(form: Form, render: RenderTurns) -> Form:
    """Return the form of calls: the first that is right, else the first that prints a call."""
    second: Form | None = None
    for short, one in product((False, True), _candidates(form)):
        found = _called(one, render, short)
        if found is not None and not _is_quoted(found):
            if not _is_python(found):
                return one
            second = second or one
    return second or form


def _called(form: Form, render: RenderTurns, short: bool) -> str | None:
    """Return the text of a conversation with a call; None if the call does not reach it.

    All kinds of ids are tried, since rows have all of them.
    """
    tools, text = shaped_tools([_TOOL], form), None
    for own in _OWN_IDS:
        text = render(shaped(with_ids(_calling(short, own), form), form), tools)
        if text is None or not (_KEY in text and _VALUE in text):
            return None
    return text


def _candidates(form: Form) -> Iterator[Form]:
    for flat, ids, silent, arguments in product((False, True), _IDS, _SILENT, _ARGUMENTS):
        yield replace(form, flat_calls=flat, ids=ids, silent=silent, arguments=arguments)


def _calling(short: bool, own: str) -> list[Turn]:
    call: Turn = {"type": "function", "function": {"name": _NAME, "arguments": {_KEY: _VALUE}}}
    answer: Turn = {"role": "tool", "content": _RESULT}
    if own:
        call, answer = {"id": own} | call, answer | {"tool_call_id": own, "name": _NAME}
    turns: list[Turn] = [_USER, {"role": "assistant", "content": "", "tool_calls": [call]}]
    return turns if short else [*turns, answer, _ANSWER]


def _prints(text: str | None, *marks: str) -> bool:
    return text is not None and all(mark in text for mark in marks)


def _prints_parts(text: str | None) -> bool:
    """Return whether a template prints a list of parts, and not only their text."""
    return text is not None and any(one in text for one in ("'type': 'text'", '"type": "text"'))


def _is_quoted(text: str) -> bool:
    """Return whether the arguments are a text inside JSON or HTML."""
    return any(f"{quote}{_KEY}" in text for quote in ('\\"', "\\u0022", "&#34;", "&quot;"))


def _is_python(text: str) -> bool:
    return f"{{'{_KEY}': '{_VALUE}'}}" in text
