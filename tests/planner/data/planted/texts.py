"""Faults inside what is said: characters, markup, languages, answers cut off, personal data."""

import json
from collections.abc import Callable
from dataclasses import replace
from itertools import cycle
from random import Random

from planner.data.personal.span import KINDS
from planner.data.rows.rows import Message, Row
from tests.planner.data.check_rows import with_answer, with_prompt
from tests.planner.data.faults import HTML, TOKENS, TRANSLATED, WORDS, misread
from tests.planner.data.personal_scores import HALVES, labelled
from tests.planner.data.planted.file import File, Plant, Planted, in_some


def personal_data(file: File, source: Random) -> Planted | None:
    """Labelled texts of each kind in turn, in what is said, or in a call's arguments."""
    told = {kind: [text for text, kinds in _labelled() if kinds == {kind}] for kind in KINDS}
    kinds = cycle(KINDS)

    def told_more(row: Row) -> Row:
        text = source.choice(told[next(kinds)])
        if source.random() < 0.2:
            call = {"name": "send", "arguments": json.dumps({"text": text})}
            said = replace(row.messages[-1], more=json.dumps({"tool_calls": [{"function": call}]}))
            return replace(row, messages=(*row.messages[:-1], said))
        return _in_prompt_or_answer(row, source, lambda said: f"{said}\n{text}")

    return in_some(file, source, told_more)


def _labelled() -> list[tuple[str, set[str]]]:
    rows = [labelled(row) for half in HALVES.values() for row in half]
    return [(text, {kind for kind, _, _ in spans}) for text, spans in rows]


def encoding(file: File, source: Random) -> Planted | None:
    """Words decoded wrongly, and characters that are lost, invisible or half."""
    broken = [misread(word, code) for word in WORDS for code in ("cp1252", "latin-1")]
    broken += ["\ufffd", "\x00", "\x07", "\x85", "\ufeff", "\ud83d", "\udc00"]
    return in_some(file, source, lambda row: _inserted(row, source, source.choice(broken)))


def template_tokens(file: File, source: Random) -> Planted | None:
    """Special tokens of chat templates between words."""
    return in_some(file, source, lambda row: _inserted(row, source, source.choice(TOKENS)))


def markup(file: File, source: Random) -> Planted | None:
    """A text with remains of HTML between words, or all of it between tags."""

    def marked(row: Row) -> Row:
        if source.random() < 0.5:
            return _inserted(row, source, source.choice(HTML))
        tag = source.choice(["p", "div", "li", "span"])
        return _in_prompt_or_answer(row, source, lambda said: f"<{tag}>{said}</{tag}>")

    return in_some(file, source, marked)


def languages(file: File, source: Random) -> Planted | None:
    """An answer, or both prompt and answer, in another language."""
    others = list(TRANSLATED.values())

    def translated(row: Row) -> Row:
        text = source.choice(others)
        return with_answer(with_prompt(row, text), text if source.random() < 0.5 else "72")

    return in_some(file, source, translated)


def truncated(file: File, source: Random) -> Planted | None:
    """An answer that stops anywhere in its last four fifths, but not with its last word."""

    def cut(row: Row) -> Row:
        last = row.answer.rstrip().rfind(" ")
        return with_answer(row, row.answer[: source.randint(last // 5, last)].rstrip())

    return in_some(file, source, cut, lambda row: len(row.answer.split()) > 10)


def _inserted(row: Row, source: Random, what: str) -> Row:
    """Put something before a word of the prompt or the answer, or behind the last."""

    def insert(said: str) -> str:
        starts = [at for at in range(len(said)) if said[at] != " " and said[at - 1 : at] == " "]
        at = source.choice([0, *starts, len(said)])
        return said[:at] + what + said[at:]

    return _in_prompt_or_answer(row, source, insert)


def _in_prompt_or_answer(row: Row, source: Random, change: Callable[[str], str]) -> Row:
    at = source.choice([-2, -1])
    turns: list[Message] = list(row.messages)
    turns[at] = replace(turns[at], content=change(turns[at].content))
    return replace(row, messages=tuple(turns))


PLANTS: dict[str, Plant] = {
    "personal-data": personal_data,
    "languages": languages,
    "truncated": truncated,
    "encoding": encoding,
    "markup": markup,
    "template-tokens": template_tokens,
}
