"""Refuses rows that supervised fine-tuning cannot learn from, before tokenization."""

from collections.abc import Mapping, Sequence
from math import ceil
from pathlib import Path

from lockfiles import limits
from lockfiles.errors import DataRefused, UsageProblem
from lockfiles.fixes import Advice, Answer, Answers
from planner.data.checks.bad_rows import cannot_be_read
from planner.data.checks.role_order import RoleOrder
from planner.data.checks.wording import share
from planner.data.mend.steps import BAD_ROWS, Mending
from planner.data.reading.bad_rows import BadRows
from planner.data.reading.formats import MAP_COLUMNS, Table
from planner.data.reading.label_columns import MAP_LABELS
from planner.data.rows.rows import Row
from planner.objectives.objective import Objective, RowKind

_NAMED = 3
_NEEDED: Mapping[RowKind, tuple[str, str]] = {
    "conversation": (
        "conversations",
        "give rows of `messages`, of `conversations`, of `instruction` and `output`, or of "
        "`prompt` and `completion`",
    ),
    "preference": ("preferences", "give rows of `prompt`, `chosen` and `rejected`"),
    "feedback": ("answers with feedback", "give rows of `prompt`, `completion` and `label`"),
    "prompt": ("prompts", "give rows of `prompt`"),
}
"""By the kind of rows what it is called, and the columns that make it."""


def check_kind(table: Table, path: Path, objective: Objective) -> None:
    """Raise UsageProblem for rows of another kind than an objective learns from."""
    if table.kind != objective.row_kind:
        named, needed = _NEEDED[objective.row_kind]
        raise UsageProblem(
            f"`{path}` has the format `{table.format}`, but {objective.title} needs {named}.",
            fix=(Advice(needed), *_mapped(table)) if named == "conversations" else Advice(needed),
        )


def _mapped(table: Table) -> tuple[Answers, ...]:
    """Return the answers that name the columns; texts with other columns may have labels."""
    others = any(not key.became for key in table.keys)
    return (MAP_LABELS, MAP_COLUMNS) if table.kind == "text" and others else (MAP_COLUMNS,)


def check_bad_rows(bad: BadRows, read: int, path: Path, mending: Mending) -> None:
    """Raise DataRefused for bad rows that are not dropped, or are too many to be dropped.

    `read` is the number of the other rows.
    """
    if not bad:
        return
    said, part = f"`{path}`: {cannot_be_read(bad, read)}", len(bad) / (len(bad) + read)
    correct = (Advice("correct those rows"), *bad.problems[0].fix)
    if part > mending.bad_rows:
        most = share(round(1000 * mending.bad_rows), 1000)
        raise DataRefused(
            f"{said} That is more than the {most} of a file that may be left out.",
            fix=(*correct, *_more_left_out(part)),
        )
    if BAD_ROWS not in mending.drop:
        raise DataRefused(said, fix=(_left_out(BAD_ROWS), *correct))


def _more_left_out(part: float) -> tuple[Answers, ...]:
    """Return the answers that drop a share of bad rows; none if it is too large."""
    enough = ceil(100 * part) / 100
    if enough > limits.MOST_FRACTION:
        return ()
    return (Answers((Answer("data.drop", (BAD_ROWS,)), Answer("data.bad_rows", enough))),)


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
