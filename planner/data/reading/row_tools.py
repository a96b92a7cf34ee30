"""Reads the tools of a row from its columns and its system turns."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from planner.data.files.raw import RawRow, fault
from planner.data.reading import calls, names
from planner.data.reading.how import How
from planner.data.reading.meanings import may_be_text
from planner.data.reading.turn import to_json
from planner.data.reading.turns import calling
from planner.data.rows.rows import Row


def with_tools(
    raw: RawRow, row: Row, used: set[str], how: How, inner: Sequence[tuple[str, object]]
) -> Row:
    """Return a row with its tools; `inner` are those in its system turns, with their paths.

    `used` has the columns that are used so far, and gets those of the tools.
    """
    found: dict[str, list[dict[str, Any]]] = {}
    for path, value in inner:
        found[path] = calls.tools(raw, value, f"`{path}`")
    has_turns = any(isinstance(raw.values.get(name), list) for name in used)
    for name, value in present(raw, names.TOOLS, used):
        used.add(name)
        if has_turns or _are_tools(value):
            found[name] = calls.tools(raw, value, f"`{name}`")
            how.account.use(name, "tools")
        else:
            how.account.leave(name, text=may_be_text("", value))
    if not found:
        _find_tools(raw, used, how, found)
    if not any(found.values()):
        return row
    first, *others = [tools for tools in found.values() if tools]
    if any(other != first for other in others):
        said = " and ".join(f"`{name}`" for name in found)
        raise fault(raw, f"has different tools in {said}")
    return replace(row, tools=to_json(raw, first, " and ".join(f"`{name}`" for name in found)))


def with_calls(raw: RawRow, row: Row, main: Mapping[str, str], how: How) -> Row:
    """Return a row of one exchange whose answer is a call, if its text is a list of calls to the
    tools of the row (xLAM). `main` says what the columns are."""
    *before, last = row.messages
    found = calls.flat_calls(last.content) if row.tools and not row.rejected else []
    named = {tool["function"]["name"] for tool in json.loads(row.tools)} if found else set()
    if not found or any(call["name"] not in named for call in found):
        return row
    column = next(name for name, part in main.items() if part == "answer")
    how.account.use(column, "tool calls")
    called = calling(raw, found, column)
    return replace(row, messages=(*before, replace(called, scored=last.scored)))


def _find_tools(
    raw: RawRow, used: set[str], how: How, found: dict[str, list[dict[str, Any]]]
) -> None:
    """Add the tools in a column of any name, if its value is a list of tools."""
    for name, value in raw.values.items():
        if name not in used and calls.are_tools(value):
            used.add(name)
            found[name] = calls.tools(raw, value, f"`{name}`")
            how.account.use(name, "tools")


def _are_tools(value: object) -> bool:
    """Return whether a value may be tools: the column may hold anything."""
    if isinstance(value, str):
        return value.lstrip()[:1] in ("[", "{")
    first = value[0] if isinstance(value, list) else value
    return isinstance(first, dict) or (isinstance(first, str) and first.lstrip()[:1] == "{")


def present(raw: RawRow, wanted: Sequence[str], used: set[str]) -> Iterator[tuple[str, Any]]:
    """Yield the wanted columns that are not used yet and say something, in any case."""
    known = {names.plain(name): name for name in raw.values if name not in used}
    for name in (known[one] for one in wanted if one in known):
        if not names.is_empty(raw.values[name]):
            yield name, raw.values[name]
