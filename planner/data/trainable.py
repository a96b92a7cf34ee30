"""What supervised fine-tuning cannot learn from, refused before rows become tokens."""

from pathlib import Path

from lockfiles.errors import DataRefused, UsageProblem
from planner.data.formats import MAP_HINT, Table
from planner.data.rows import Row

_NEEDED = (
    "rows of `messages`, of `conversations`, of `instruction` and `output`, or of `prompt` and "
    f"`completion`; or map two columns {MAP_HINT}"
)


def check_trainable(table: Table, path: Path) -> None:
    """Raise where rows cannot become tokens that supervised fine-tuning learns from.

    UsageProblem for rows that are no conversations, whose trainers are not built. DataRefused for
    text that UTF-8 cannot write, and so no tokenizer reads.
    """
    if table.kind != "conversation":
        raise UsageProblem(
            f"`{path}` has the format `{table.format}`, and supervised fine-tuning needs "
            "conversations.",
            hint=f"give {_NEEDED}",
        )
    for number, row in enumerate(table.rows, 1):
        if not _is_unicode(row):
            raise DataRefused(
                f"`{path}` has half a character, such as `\\ud83d` alone, in row {number}.",
                hint="take that row out, or write its text again",
            )


def _is_unicode(row: Row) -> bool:
    try:
        for message in row.messages:
            message.content.encode()
            message.more.encode()
    except UnicodeEncodeError:
        return False
    return True
