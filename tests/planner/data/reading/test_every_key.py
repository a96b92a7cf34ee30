"""Whatever a row says is in the row that training gets, in the account, or refused by name."""

import json
import random
from pathlib import Path
from typing import Any

import pytest

from planner.data.files.raw import BadRow
from planner.data.reading.account import Account
from planner.data.reading.formats import Read, every_row
from planner.data.rows.rows import canonical_json
from tests.planner.data.format_rows import written
from tests.planner.data.reading.drawn_rows import Draw

DRAWN = 1500


def unexplained(values: dict[str, Any], marks: list[str], folder: Path) -> list[str]:
    """Return the marks of a row that are neither in the row nor under a key of the account."""
    account = Account()
    path = written(folder / "a.jsonl", [values])
    try:
        (found,) = every_row(path, account=account)
    except BadRow:
        return []
    assert isinstance(found, Read)
    said = canonical_json(found.row).decode()
    left = [key.path for key in account.keys if not key.became]
    return [mark for mark in marks if mark not in said and not _is_under(values, mark, left)]


def _is_under(values: dict[str, Any], mark: str, left: list[str]) -> bool:
    """Return whether a key that holds the mark is in the account as unused."""
    return any(mark in text for path in left for text in _held(values, path.split(" of ")[0]))


def _held(value: object, path: str) -> list[str]:
    """Return the texts at a path such as `messages[].weight`, as JSON."""
    if isinstance(value, str) and path:
        value = json.loads(value)
    if not path:
        return [json.dumps(value)]
    if path.startswith("[]"):
        assert isinstance(value, list)
        return [text for one in value for text in _held(one, path[2:].removeprefix("."))]
    assert isinstance(value, dict) or value is None
    name = path.split("[]")[0].split(".")[0]
    rest = path[len(name) :].removeprefix(".")
    return _held(value[name], rest) if value and name in value else []


@pytest.mark.parametrize("seed", range(4))
def test_every_part_of_a_row_is_used_or_named(seed: int, tmp_path: Path) -> None:
    drawn = random.Random(seed)
    for _ in range(DRAWN // 4):
        draw = Draw(drawn)
        values = draw.row()
        said = json.dumps(values)
        marks = [mark for mark in draw.marks if mark in said]
        assert not unexplained(values, marks, tmp_path), said


def test_answers_are_scored_as_their_marks_say(tmp_path: Path) -> None:
    drawn = random.Random(5)
    for _ in range(200):
        wanted = [drawn.random() < 0.5 for _ in range(drawn.randint(1, 4))]
        key, counts = drawn.choice((("weight", 1), ("train", True), ("loss", True), ("masked", 0)))
        turns: list[dict[str, Any]] = []
        for scored in wanted:
            mark = {key: counts if scored else not counts}
            turns += [
                {"role": "user", "content": "a"},
                {"role": "assistant", "content": "b"} | mark,
            ]
        (found,) = every_row(written(tmp_path / "a.jsonl", [{"messages": turns}]))
        assert isinstance(found, Read)
        assert [turn.scored for turn in found.row.messages[1::2]] == wanted
