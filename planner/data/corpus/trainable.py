"""What supervised fine-tuning cannot learn from, refused before rows become tokens."""

from collections.abc import Sequence
from pathlib import Path

from lockfiles.errors import DataRefused, UsageProblem
from planner.data.checks.role_order import RoleOrder
from planner.data.reading.formats import MAP_HINT, Table
from planner.data.rows.rows import Row

_NAMED = 3
_LEFT_OUT = 'leave such rows out (`drop = ["{}"]` under `[data]` in `run.toml`)'
_NEEDED = (
    "rows of `messages`, of `conversations`, of `instruction` and `output`, or of `prompt` and "
    f"`completion`; or map two columns {MAP_HINT}"
)


def check_kind(table: Table, path: Path) -> None:
    """Raise UsageProblem for rows that are no conversations, whose trainers are not built."""
    if table.kind != "conversation":
        raise UsageProblem(
            f"`{path}` has the format `{table.format}`, and supervised fine-tuning needs "
            "conversations.",
            hint=f"give {_NEEDED}",
        )


def check_rows(rows: Sequence[Row], numbers: Sequence[int], path: Path) -> None:
    """Raise DataRefused for conversations that do not end with an answer, or whose text UTF-8
    cannot write, so that no tokenizer reads it."""
    check = RoleOrder()
    for place, row in enumerate(rows):
        check.see(place, row)
        if not _is_unicode(row):
            raise DataRefused(
                f"`{path}` has half a character, such as `\\ud83d` alone, in row {numbers[place]}.",
                hint=_LEFT_OUT.format("encoding") + ", or write its text again",
            )
    for found in check.findings():
        if found.severity == "refused":
            at = named([numbers[place] for place in found.rows])
            raise DataRefused(
                f"`{path}` (row {at}): {found.said}",
                hint=_LEFT_OUT.format("role-order") + ", or end them with their last answer",
            )


def named(numbers: Sequence[int]) -> str:
    """Return the first of some rows' numbers, for a sentence."""
    return ", ".join(map(str, numbers[:_NAMED])) + (" and others" if numbers[_NAMED:] else "")


def _is_unicode(row: Row) -> bool:
    try:
        for message in row.messages:
            message.content.encode()
            message.more.encode()
    except UnicodeEncodeError:
        return False
    return True
