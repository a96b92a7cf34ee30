"""Brings tool calls and tools to one form, that of OpenAI's chat completions.

A call is `{"type": "function", "id"?, "function": {"name", "arguments": {…}}}`, and a tool
`{"type": "function", "function": {"name", "description"?, "parameters"?}}`. Accepted are also
OpenAI's older function calls, its Responses API, Anthropic's and Gemini's forms, flat calls and
bare functions, JSON text of each, and arguments as JSON text.
"""

from collections.abc import Mapping
from typing import Any

from planner.data.files.json_text import decode, decode_inside
from planner.data.files.raw import BadRow, RawRow, fault

_ARGUMENTS = ("arguments", "parameters", "input", "args")
_SCHEMAS = ("parameters", "input_schema", "inputSchema", "parameters_json_schema")
_DECLARED = ("function_declarations", "functionDeclarations")
_DROPPED = frozenset(["cache_control", "defer_loading"])
"""Keys of a tool for the server that it was sent to."""
_FLAT = frozenset(["name", "arguments", "id", "type"])
_CALL_TYPES = (None, "function", "function_call", "tool_call", "tool_use")
_TOOL_TYPES = (None, "function", "custom")


def calls(raw: RawRow, found: object, where: str) -> list[dict[str, Any]]:
    """Return tool calls in their normal form; `where` names the place, such as `message 2`.

    Raises UsageProblem for a call without a name, or with arguments that are no JSON object.
    """
    found = _decoded(raw, found, where)
    listed = found if isinstance(found, list) else [found]
    if not listed:
        raise _nameless(raw, where)
    return [_call(raw, _decoded(raw, one, where), where) for one in listed]


def is_list(value: object) -> bool:
    """Return whether a value is a list, or text that may be one as JSON."""
    return isinstance(value, list) or (isinstance(value, str) and value.lstrip()[:1] == "[")


def _call(raw: RawRow, call: object, where: str) -> dict[str, Any]:
    if not isinstance(call, dict):
        raise _nameless(raw, where)
    if call.get("type") not in _CALL_TYPES:
        raise fault(raw, f"has a call of the type `{call['type']!s:.40}` in {where}")
    inner = call.get("function", call)
    if isinstance(inner, str) and "name" not in call:
        inner = call | {"name": inner}
    if not isinstance(inner, dict) or not isinstance(inner.get("name"), str) or not inner["name"]:
        raise _nameless(raw, where)
    named = inner["name"]
    key = next((key for key in _ARGUMENTS if inner.get(key) is not None), "")
    arguments = _arguments(raw, inner.get(key), named, where)
    if inner is not call and call.get("type") == "function" and key == "arguments":
        return call | {"function": inner | {"arguments": arguments}}
    head: dict[str, Any] = {"type": "function"}
    identity = call.get("id") or call.get("call_id")
    if identity is not None:
        head["id"] = identity if isinstance(identity, str) else str(identity)
    return head | {"function": {"name": named, "arguments": arguments}}


def _arguments(raw: RawRow, found: object, named: str, where: str) -> dict[str, Any]:
    if isinstance(found, str):
        said = f"the arguments of `{named:.40}` in {where}"
        found = decode_inside(raw, found, said) if found.strip() else {}
        if isinstance(found, str):
            found = decode_inside(raw, found, said)
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise fault(raw, f"has no object in the arguments of `{named:.40}` in {where}")
    return found


def _nameless(raw: RawRow, where: str) -> BadRow:
    return fault(raw, f"has a call without a `name` in {where}")


def are_tools(value: object) -> bool:
    """Return whether a list, or JSON text of it, is of tools and of nothing else."""
    if isinstance(value, str):
        try:
            value = decode(value) if value.lstrip()[:1] == "[" else None
        except (ValueError, RecursionError):
            return False
    return isinstance(value, list) and bool(value) and all(map(_looks_like_a_tool, value))


def _looks_like_a_tool(value: object) -> bool:
    inner = value.get("function", value) if isinstance(value, dict) else None
    return (
        isinstance(inner, dict)
        and isinstance(inner.get("name"), str)
        and any(isinstance(inner.get(key), dict) for key in _SCHEMAS)
        and not isinstance(inner.get("arguments"), dict | str)
    )


def are_calls(value: object) -> bool:
    """Return whether a list, or JSON text of it, is of flat calls and of nothing else."""
    return bool(flat_calls(value))


def flat_calls(value: object) -> list[dict[str, Any]]:
    """Return the flat calls in a list, or in JSON text of one; empty if it has anything else."""
    if isinstance(value, str):
        try:
            value = decode(value) if value.lstrip()[:1] in ("[", "{") else None
        except (ValueError, RecursionError):
            return []
        value = [value] if isinstance(value, dict) else value
    found = value if isinstance(value, list) else []
    return found if all(map(_looks_like_a_call, found)) else []


def _looks_like_a_call(value: object) -> bool:
    return (
        isinstance(value, dict)
        and isinstance(value.get("name"), str)
        and isinstance(value.get("arguments"), dict | str)
        and value.keys() <= _FLAT
    )


def tools(raw: RawRow, found: object, where: str) -> list[dict[str, Any]]:
    """Return tools in their normal form; `where` names the column.

    Raises UsageProblem for a tool without a name, and for tools of other types than functions.
    """
    found = _decoded(raw, found, where)
    if not isinstance(found, list):
        raise fault(raw, f"has no list in {where}")
    return [tool for one in found for tool in _tools(raw, _decoded(raw, one, where), where)]


def _tools(raw: RawRow, tool: object, where: str) -> list[dict[str, Any]]:
    if isinstance(tool, dict):
        for name in _DECLARED:
            if isinstance(tool.get(name), list):
                return tools(raw, tool[name], where)
    return [_tool(raw, tool, where)]


def _tool(raw: RawRow, tool: object, where: str) -> dict[str, Any]:
    if not isinstance(tool, dict):
        raise fault(raw, f"has a tool in {where} that is not an object")
    if tool.get("type") not in _TOOL_TYPES and not _is_bare(tool):
        raise fault(raw, f"has a tool of the type `{tool['type']!s:.40}` in {where}")
    inner = tool.get("function", tool)
    if not isinstance(inner, dict) or not isinstance(inner.get("name"), str) or not inner["name"]:
        raise fault(raw, f"has a tool without a `name` in {where}")
    if inner is not tool:
        return tool if "type" in tool else {"type": "function", **tool}
    kept = {
        "parameters" if key in _SCHEMAS else key: one
        for key, one in tool.items()
        if key not in _DROPPED and key != "type"
    }
    return {"type": "function", "function": kept}


def _is_bare(tool: Mapping[str, Any]) -> bool:
    """Return whether a tool is its own JSON schema, as in older data: `type` is `object`."""
    return tool.get("type") == "object" and "name" in tool


def _decoded(raw: RawRow, found: object, where: str) -> Any:
    return decode_inside(raw, found, where) if isinstance(found, str) else found
