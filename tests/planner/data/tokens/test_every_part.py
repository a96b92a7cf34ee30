"""Every part of every row is in the text that training sees, or a finding names it.

Rows are drawn at random, and read, rendered and encoded as training does. Marks are then looked for
in the text and in its scored tokens.
"""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

pytest.importorskip("trl")

import trl

from lockfiles.errors import DataRefused, TunelockError, UsageProblem
from planner.data.isolation.client import Tokens
from planner.data.reading.formats import load_table
from planner.data.rows.rows import Row
from planner.data.tokens.encode import NEED_VARIANT, PartLost, whole_rows
from planner.data.tokens.template import ChatTemplate
from planner.data.tokens.tokenizer import Tokenizer
from planner.data.tokens.training_template import variant
from tests.planner.data.chat import ours, template, tokenizer
from tests.planner.data.tokens.drawn_rows import Drawer, Drawn, Mark

TEMPLATES = sorted(
    [
        *(Path(trl.__file__).parent / "chat_templates").glob("*.jinja"),
        *(Path(__file__).parents[3] / "data" / "templates").glob("*.jinja"),
    ]
)
PYTHONS_WORDS = ("object has no", "NoneType", "not iterable", "unsupported operand", "concatenate")


@dataclass(frozen=True)
class Seen:
    """A drawn row as training sees it."""

    drawn: Drawn
    template: str
    text: str
    scored: frozenset[int]
    """The positions of the scored characters."""
    findings: str
    """What is said of parts that are not used."""
    refused: str
    """Why it is refused; empty if it is not."""
    rendered: str = ""
    """The text of a row of which a part is lost."""


@cache
def _tokenizer() -> Tokenizer:
    return ours(tokenizer(""))


def drawn(count: int, seed: int, folder: Path) -> Iterator[Seen]:
    """Yield drawn rows, each with one of the templates."""
    drawer = Drawer(seed)
    for number, path in enumerate(TEMPLATES):
        chat = template(path.read_text("utf-8"))
        size = (count + len(TEMPLATES) - 1 - number) // len(TEMPLATES)
        yield from _with_template(path.stem, chat, [drawer.row() for _ in range(size)], folder)


def _with_template(
    name: str, chat: ChatTemplate, rows: list[Drawn], folder: Path
) -> Iterator[Seen]:
    read: list[tuple[Drawn, Row, str]] = []
    for one in rows:
        try:
            read.append((one, *_read(one, folder / "row.jsonl")))
        except UsageProblem as problem:
            yield Seen(one, name, "", frozenset(), "", problem.message)
    found = whole_rows([row for _, row, _ in read], chat, _tokenizer())
    for (one, row, said), tokens in zip(read, found, strict=True):
        other = variant(chat) if isinstance(tokens, NEED_VARIANT) else None
        if other:
            (tokens,) = whole_rows([row], other, _tokenizer())
        if isinstance(tokens, DataRefused):
            yield Seen(one, name, "", frozenset(), said, tokens.message, _lost(row, tokens, chat))
        else:
            notes = " ".join(tokens.notes)
            yield Seen(one, name, tokens.text, _scored(tokens), f"{said} {notes}", "")


def _read(one: Drawn, path: Path) -> tuple[Row, str]:
    """Return a row, and the keys that are not used."""
    path.write_text(json.dumps(one.row) + "\n", "utf-8")
    table = load_table(path)
    return table.rows[0], " ".join(key.path for key in table.keys if not key.became)


def _lost(row: Row, found: DataRefused, chat: ChatTemplate) -> str:
    if not isinstance(found, PartLost):
        return ""
    try:
        return (variant(chat) or chat).render(row.messages, tools=row.tools)
    except TunelockError:
        return ""


def _scored(found: Tokens) -> frozenset[int]:
    places = zip(found.offsets[::2], found.offsets[1::2], found.scored, strict=True)
    return frozenset(at for start, end, counts in places if counts for at in range(start, end))


def unexplained(seen: Seen) -> list[Mark]:
    """Return the marks that are not where they must be, and that no finding names."""
    if seen.refused:
        return []
    return [mark for mark in seen.drawn.marks if not _is_right(mark, seen)]


def _is_right(mark: Mark, seen: Seen) -> bool:
    start = seen.text.find(mark.text)
    if start < 0:
        return any(name in seen.findings for name in mark.names)
    if mark.scored is None:
        return True
    inside = [at in seen.scored for at in range(start, start + len(mark.text))]
    return all(inside) if mark.scored else not all(inside)


def _check(count: int, seed: int, folder: Path) -> Counter[str]:
    """Draw rows and check them; return how many were used, and refused, by format."""
    counts = Counter[str]()
    for seen in drawn(count, seed, folder):
        counts[f"{seen.drawn.kind}: {'refused' if seen.refused else 'used'}"] += 1
        wrong = unexplained(seen)
        assert not wrong, f"{seen.template}: {wrong} of {seen.drawn.row} in {seen.text}"
        assert not any(words in seen.refused for words in PYTHONS_WORDS), seen.refused
        assert '\\"town\\"' not in seen.text, f"{seen.template}: JSON inside JSON: {seen.text}"
        if seen.rendered and " all of " not in seen.refused:
            missing = [one for one in seen.drawn.marks if one.text not in seen.rendered]
            assert missing or "print" not in seen.refused, (seen.refused, seen.rendered)
    return counts


def test_every_part_is_there_or_named(tmp_path: Path) -> None:
    counts = _check(120, 1, tmp_path)
    assert counts.total() == 120
    assert sum(n for kind, n in counts.items() if kind.endswith("used")) > 45


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2, 7))
def test_every_part_of_many_rows_is_there_or_named(seed: int, tmp_path: Path) -> None:
    counts = _check(2400, seed, tmp_path)
    assert counts.total() == 2400
    kinds = {kind.partition(":")[0] for kind in counts if kind.endswith("used")}
    assert len(kinds) == 7
