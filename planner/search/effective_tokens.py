"""The size of a step in tokens: the number of rows whose tokens come nearest to it."""

from dataclasses import replace
from typing import TYPE_CHECKING

from lockfiles.fixes import Answer, Key
from lockfiles.limits import MOST_EFFECTIVE_BATCH
from planner.objectives.registry import objective_of
from planner.search.request import EFFECTIVE_BATCH, Request

if TYPE_CHECKING:
    from planner.interview.answers import Answers

FEWEST = 8
"""The multiples of a step that is divided into micro-batches: it has at least this many."""


def with_rows(asked: Request, *, concatenated: bool) -> Request:
    """Return a request with the rows of a step that come nearest to `effective_tokens`, if it is
    set.

    They are a multiple of the processes and of the micro-batch. Where rows are not `concatenated`
    and the plan chooses the micro-batch, they are also one of the greatest power of two that few
    rows more or less allow: a prime number would leave no choice.
    """
    if not asked.effective_tokens:
        return asked
    unit = asked.processes * (asked.micro_batch or 1)
    unit = unit if unit <= MOST_EFFECTIVE_BATCH else asked.processes
    count = max(1, _nearest(asked, unit) // FEWEST)
    if not concatenated and not asked.micro_batch:
        unit *= 1 << (count.bit_length() - 1)
    rows = unit * _nearest(asked, unit)
    return replace(asked, effective_batch=rows, effective_multiple=unit)


def _nearest(asked: Request, unit: int) -> int:
    """Return the multiple of so many rows that comes nearest, at least 1."""
    wanted = round(asked.effective_tokens / (row_tokens(asked) * unit))
    return max(1, min(wanted, MOST_EFFECTIVE_BATCH // unit))


def row_tokens(asked: Request) -> float:
    """Return the mean tokens of a row; those of the longest where they are unknown."""
    if asked.tokens and asked.rows:
        return asked.tokens / asked.rows
    return asked.longest * len(objective_of(asked.objective).sequences)


def reason(asked: Request) -> str:
    """Return why a step has its rows, as a sentence; empty where `effective_tokens` is not set."""
    if not asked.effective_tokens:
        return ""
    rows, unit = asked.effective_batch, asked.effective_multiple
    have = "1 row has" if rows == 1 else f"{rows} rows have"
    among = f" among multiples of {unit}" if unit > 1 else ""
    tokens = f"{rows * row_tokens(asked):,.0f}"
    return f"{have} about {tokens} tokens, nearest to {asked.effective_tokens:,}{among}."


def both(answers: "Answers") -> tuple[bool, tuple[str | Key, ...], Answer]:
    """Return whether the size of a step is set twice, the sentence that says so, and its fix."""
    rows, tokens = Key("train.effective_batch"), Key("train.effective_tokens")
    twice = answers.integer(tokens.name) > 0 and answers.integer(rows.name) != EFFECTIVE_BATCH
    return (
        twice,
        (rows, " and ", tokens, " are both set, but a step has one size."),
        Answer(tokens.name, 0),
    )
