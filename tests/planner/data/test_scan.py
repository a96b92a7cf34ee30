"""One pass over the rows: every row is seen once and in order, however they are taken together."""

from collections.abc import Callable, Iterator

import pytest

from planner.data.checks import scan as scans
from planner.data.checks.registry import every
from planner.data.checks.report import Report
from planner.data.checks.scan import Chat, scan
from planner.data.reading.formats import Read
from planner.data.rows.rows import Row
from tests.planner.data.chat import ours, template, tokenizer
from tests.planner.data.check_rows import REAL, SAMPLES, varied
from tests.planner.data.planted.masks import CHATML

ROWS = varied(REAL, 130)


def _nothing(said: object) -> None:
    pass


def _report(
    chat: Chat | None = None,
    told: Callable[[int], None] = _nothing,
    doing: Callable[[str], None] = _nothing,
) -> Report:
    held_out = {"held.jsonl": _reads(ROWS[:3])}
    reads = _reads(ROWS)
    return scan(reads, every, mapping={}, chat=chat, held_out=held_out, told=told, doing=doing)


def _reads(rows: list[Row]) -> Iterator[Read]:
    return (Read(SAMPLES, f"line {number}", "messages", row) for number, row in enumerate(rows, 1))


@pytest.fixture(scope="module")
def chat() -> Chat:
    return Chat(template(CHATML), ours(tokenizer(CHATML)), context=100)


def test_tokens_counted_beside_are_those_of_each_row(
    chat: Chat, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = _report(chat)
    texts = [chat.template.render(row.messages) for row in ROWS]
    tokens = [len(chat.tokenizer.encode(text)) for text in texts]
    assert (whole.lengths.total, whole.lengths.maximum) == (sum(tokens), max(tokens))
    found = {finding.id: list(finding.rows) for finding in whole.findings}
    assert found["over-length"] == [n for n, count in enumerate(tokens) if count > chat.context]
    monkeypatch.setattr(scans, "BATCH", 7)
    assert _report(chat) == whole


@pytest.mark.parametrize(("rows", "chars"), [(50, 10**6), (1000, 1)])
def test_rows_are_taken_together_until_they_are_many_or_long(
    rows: int, chars: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = _report()
    monkeypatch.setattr(scans, "BATCH", rows)
    monkeypatch.setattr(scans, "BATCH_CHARS", chars)
    seen: list[int] = []
    assert _report(told=seen.append) == whole
    assert seen == ([50, 100, 130] if rows == 50 else [*range(1, 131)])


def test_what_comes_after_the_rows_is_told() -> None:
    done: list[str] = []
    _report(doing=done.append)
    assert done == ["comparing rows", "comparing rows with `held.jsonl`"]


def test_a_wait_for_a_long_row_says_what_it_is_for(
    chat: Chat, monkeypatch: pytest.MonkeyPatch
) -> None:
    longest = max(sum(len(one.content) for one in row.messages) for row in ROWS)
    monkeypatch.setattr(scans, "BATCH_CHARS", longest)
    done: list[str] = []
    _report(chat, doing=done.append)
    assert done[0] == f"counting the tokens of a row of {longest:,} characters"
