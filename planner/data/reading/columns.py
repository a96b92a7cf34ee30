"""Reads the columns besides those of a row's format: system message, tools, history and more."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from lockfiles.fixes import Advice
from planner.data.files.json_text import decode_inside
from planner.data.files.raw import BadRow, RawRow, fault
from planner.data.reading import marks, names
from planner.data.reading.how import How, Layout, leave, refusal
from planner.data.reading.meanings import is_harmless, may_be_text
from planner.data.reading.pairs import pair_of
from planner.data.reading.row_tools import present, with_calls, with_tools
from planner.data.reading.turns import turns
from planner.data.rows.rows import Message, Row, in_order

_MOST_LAYOUTS = 1000
_LEAST_CHARS = 20
"""Shorter texts may be in a turn by chance."""


def with_columns(
    raw: RawRow,
    row: Row,
    main: Mapping[str, str],
    how: How,
    inner: Sequence[tuple[str, object]] = (),
    *,
    one_exchange: bool = False,
) -> Row:
    """Return a row with what its other columns say. Raises UsageProblem for those that cannot be
    used and change what the row means.

    `main` says what the columns of its format are, except lists of turns, whose keys count instead.
    `inner` are the tools in its system turns, and `one_exchange` says that it is a prompt and an
    answer in columns of their own.
    """
    layout = _layout(raw, main, how)
    for name, count in layout.main:
        value = raw.values[name]
        if value not in (None, "", []) and not names.are_objects(value):
            count[0] += 1
    if layout.rest is not None and not inner:
        for name, count in layout.rest:
            if not names.is_empty(raw.values[name]):
                count[0] += 1
        return row
    used = set(main)
    if row.messages[0].role == "text":
        _leave_all(raw, used, how)
        return row
    row = with_tools(raw, row, used, how, inner)
    if one_exchange and not row.rejected:
        row = with_calls(raw, row, main, how)
        row = _with_history(raw, row, used, how)
    row = _with_reasoning(raw, row, used, how, one_exchange=one_exchange)
    row = marks.with_marks(raw, row, used, how)
    row = _with_system(raw, row, used, how)
    for name, value in raw.values.items():
        if name not in used and not names.is_empty(value):
            if _is_masked_user(name, value, how):
                how.account.use(name, "loss mask")
            else:
                leave(raw, how, name, name, value, known=_is_in(value, row))
    return row


def _layout(raw: RawRow, main: Mapping[str, str], how: How) -> Layout:
    """Return the layout of a row, the same for all rows with the same columns."""
    key = (*raw.values, None, *main)
    found = how.layouts.get(key)
    if found is None:
        used = [name for name in main if name in raw.values]
        counts = tuple((name, how.account.counter(name, main[name])) for name in used)
        others = [name for name in raw.values if name not in main]
        harmless = all(map(is_harmless, others))
        rest = tuple((name, how.account.left(name)) for name in others) if harmless else None
        found = Layout(counts, rest)
        if len(how.layouts) < _MOST_LAYOUTS:
            how.layouts[key] = found
    return found


def with_system(row: Row, system: str) -> Row:
    """Return a row that begins with a system message, unless it has one; plain text has none."""
    if not system or row.messages[0].role in ("system", "text"):
        return row
    said = (Message("system", system),)
    return replace(row, messages=said + row.messages, rejected=row.rejected and said + row.rejected)


def _leave_all(raw: RawRow, used: set[str], how: How) -> None:
    for name, value in raw.values.items():
        if name not in used and not names.is_empty(value):
            how.account.leave(name, text=may_be_text(name, value))


def _with_history(raw: RawRow, row: Row, used: set[str], how: How) -> Row:
    """Put the earlier turns before the prompt: pairs of texts (LLaMA-Factory), or turns."""
    for name, value in present(raw, names.HISTORY, used):
        used.add(name)
        found = decode_inside(raw, value, f"`{name}`") if isinstance(value, str) else value
        found = _exchanges(found)
        if isinstance(found, list) and found and isinstance(found[0], dict):
            earlier = turns(replace(raw, values={name: found}), name, how)
        else:
            earlier = [turn for pair in _pairs(raw, name, found) for turn in pair]
        how.account.use(name, "earlier turns")
        first = 1 if row.messages[0].role == "system" else 0
        messages = row.messages
        row = replace(row, messages=(*messages[:first], *earlier, *messages[first:]))
    return row


def _exchanges(found: object) -> object:
    """Return objects of a prompt and an answer as pairs, and anything else unchanged."""
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        return found
    pairs = [_pair_in(one) for one in found]
    if not all(pairs):
        return found
    return [[one[pair[0]], one[pair[1]]] for one, pair in zip(found, pairs, strict=True) if pair]


def _pair_in(one: Mapping[str, Any]) -> tuple[str, str] | None:
    """Return the two keys of an exchange that has no others, also `q` and `a`."""
    if len(one) != 2:
        return None
    return pair_of(one) or (("q", "a") if {*one} == {"q", "a"} else None)


def _pairs(raw: RawRow, name: str, found: object) -> Iterator[tuple[Message, Message]]:
    if not isinstance(found, list):
        raise _no_pairs(raw, name)
    for pair in found:
        match pair:
            case [str(asked), str(answer)]:
                yield Message("user", asked), Message("assistant", answer)
            case _:
                raise _no_pairs(raw, name)


def _no_pairs(raw: RawRow, name: str) -> BadRow:
    return BadRow(
        raw,
        f"has no list of pairs of a prompt and an answer in `{name}`",
        fix=Advice(f'write `{name}` as `[["prompt", "answer"], …]`, or as a list of turns'),
    )


def _with_reasoning(raw: RawRow, row: Row, used: set[str], how: How, *, one_exchange: bool) -> Row:
    """Add the reasoning in a column to the answer. Raises BadRow if there are several answers."""
    for name, value in present(raw, names.REASONING, used):
        *before, last = row.messages
        more = json.loads(last.more) if last.more else {}
        if _is_in(value, row) or value in more.values():
            continue
        several = not one_exchange and any(turn.role == "assistant" for turn in before)
        own = any(key in more for key in names.REASONING)
        if several or own or row.rejected or last.role != "assistant" or not isinstance(value, str):
            raise refusal(raw, name, value, "which is for one answer without reasoning of its own")
        used.add(name)
        how.account.use(name, "reasoning")
        more = dict(sorted((more | {"reasoning_content": value}).items()))
        row = replace(row, messages=(*before, replace(last, more=in_order(more))))
    return row


def _with_system(raw: RawRow, row: Row, used: set[str], how: How) -> Row:
    """Put the text of a system column before a row without a system turn."""
    for name, value in present(raw, names.SYSTEM, used):
        used.add(name)
        said = _text(raw, name, value)
        if row.system in ("", said):
            row = with_system(row, said)
            how.account.use(name, "system message")
        else:
            how.account.leave(name, text=said not in row.system)
    return row


def _text(raw: RawRow, name: str, value: object) -> str:
    """Return the text of a system column: text, or parts as Anthropic and Gemini have them."""
    if isinstance(value, str):
        return value
    held: Any = value.get("parts", value.get("content")) if isinstance(value, dict) else value
    if isinstance(held, str):
        return held
    parts = held if isinstance(held, list) and held else [None]
    texts = [part.get("text") if isinstance(part, dict) else None for part in parts]
    if not all(isinstance(text, str) for text in texts):
        raise fault(raw, f"has no text in `{name}`")
    return "".join(map(str, texts))


def _is_masked_user(name: str, value: object, how: How) -> bool:
    """Return whether NeMo's `mask` names the user, whose turns are never trained on."""
    return names.plain(name) == "mask" and how.roles.of(value) == "user"


def _is_in(value: object, row: Row) -> bool:
    """Return whether all text of a value is in the turns of its row, so that it is not lost."""
    if isinstance(value, list):
        texts = [
            said
            for one in value
            if isinstance(one, dict)
            for key, said in one.items()
            if key in names.CONTENT and isinstance(said, str)
        ]
        return bool(texts) and all(_is_said(text, row) for text in texts)
    return isinstance(value, str) and _is_said(value, row)


def _is_said(text: str, row: Row) -> bool:
    said = text.strip()
    if len(said) < _LEAST_CHARS:
        return any(said == turn.content.strip() for turn in row.messages)
    return any(said in turn.content for turn in row.messages)
