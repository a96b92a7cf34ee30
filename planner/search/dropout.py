"""The dropout of adapters where it was not set: by the number of rows."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from planner.interview.answers import Answers

DROPOUT = 0.05
"""The usual one."""
MANY_ROWS = 10_000
"""From so many rows on there is none. A choice: on an H100 an 8B LoRA took 10% longer with it, and
its masks and copies of inputs take the memory of larger passes."""


def chosen(answers: "Answers", rows: int) -> float:
    """Return the dropout that was set, or the one for so many training rows."""
    given = answers.number("method.dropout")
    return given if given >= 0 else DROPOUT if rows < MANY_ROWS else 0.0


def reason(answers: "Answers", rows: int) -> str:
    """Return why adapters have that dropout, as a sentence; empty where it was set."""
    if answers.number("method.dropout") >= 0:
        return ""
    if rows < MANY_ROWS:
        return f"{DROPOUT:g} is usual; from {MANY_ROWS:,} rows on it is left out."
    return f"With {rows:,} rows there is less to regularize, and steps are faster without dropout."
