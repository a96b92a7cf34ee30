"""Refuses rows that supervised fine-tuning cannot learn from, before tokenization."""

from collections.abc import Sequence
from pathlib import Path

from lockfiles.errors import DataRefused, UsageProblem
from lockfiles.fixes import Advice, Answer
from planner.data.checks.role_order import RoleOrder
from planner.data.reading.formats import MAP_COLUMNS, Table
from planner.data.rows.rows import Row

_NAMED = 3
_NEEDED = (
    "use rows with `messages`, with `conversations`, with `instruction` and `output`, or with "
    "`prompt` and `completion`"
)


def check_kind(table: Table, path: Path) -> None:
    """Raise UsageProblem for rows other than conversations, which have no trainer yet."""
    if table.kind != "conversation":
        raise UsageProblem(
            f"`{path}` has the format `{table.format}`, but supervised fine-tuning needs "
            "conversations.",
            fix=(Advice(_NEEDED), MAP_COLUMNS),
        )


def check_rows(rows: Sequence[Row], numbers: Sequence[int], path: Path) -> None:
    """Raise DataRefused for conversations that do not end with an answer, and for text with lone
    surrogates, which tokenizers reject."""
    check = RoleOrder()
    for place, row in enumerate(rows):
        check.see(place, row)
        if not _is_unicode(row):
            raise DataRefused(
                f"`{path}` has a lone surrogate, such as `\\ud83d`, in row {numbers[place]}.",
                fix=(_left_out("encoding"), Advice("write the file again as UTF-8")),
            )
    for found in check.findings():
        if found.severity == "refused":
            at = named([numbers[place] for place in found.rows])
            raise DataRefused(
                f"`{path}` (row {at}): {found.said}",
                fix=(_left_out("role-order"), Advice("end them with an answer")),
            )


def named(numbers: Sequence[int]) -> str:
    """Return the first few row numbers, for a sentence."""
    return ", ".join(map(str, numbers[:_NAMED])) + (" and others" if numbers[_NAMED:] else "")


def _left_out(finding: str) -> Answer:
    return Answer("data.drop", (finding,), to="drop those rows")


def _is_unicode(row: Row) -> bool:
    try:
        for message in row.messages:
            message.content.encode()
            message.more.encode()
    except UnicodeEncodeError:
        return False
    return True
