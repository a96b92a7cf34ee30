"""The greatest pass of a run, which needs the most memory, and that of each recorded size."""

from collections.abc import Iterator, Sequence

from planner.data.tokens import layout
from planner.data.tokens.example import COMPLETION
from runner.training.job import Job
from runner.training.padding_free import Row


def greatest_passes(job: Job) -> list[Sequence[Row]]:
    """Return the rows of the pass with the most tokens, the first of several, and where passes are
    recorded those of the first pass of each size, the largest first."""
    lengths, sizes = _lengths(job), job.train.graph_sizes
    found = {
        layout.size_of(sum(lengths[row] for row in rows), sizes): rows
        for rows in reversed(list(_passes(job)))
        if rows
    }
    most = max(_passes(job), key=lambda rows: sum(lengths[row] for row in rows))
    each = [found[size] for size in sorted(found, reverse=True)] if sizes else []
    return [[_row(job, row) for row in rows] for rows in (most, *each)]


def most_rows(job: Job) -> int:
    """Return the rows of the pass with the most of them, with the blank ones that fill it up."""
    lengths, longest = _lengths(job), job.longest_of_all

    def rows_of(rows: Sequence[int]) -> int:
        tokens = sum(lengths[row] for row in rows)
        blank = layout.size_of(tokens, job.train.graph_sizes) - tokens
        return len(rows) - (-blank // longest)

    return max(map(rows_of, _passes(job)))


def _lengths(job: Job) -> list[int]:
    return [row.length for row in job.rows]


def _passes(job: Job) -> Iterator[layout.Pass]:
    """Yield the passes of all steps, those of all ranks."""
    settings, lengths = job.train, _lengths(job)
    ranks = job.ranks.count
    each = settings.micro_batch * settings.accumulation * ranks
    for epoch in range(settings.epochs):
        for step in layout.steps(lengths, job.order(epoch), each, settings.pass_tokens, ranks):
            yield from step


def _row(job: Job, row: int) -> Row:
    tokens = job.rows[row][COMPLETION]
    return {"input_ids": tokens.input_ids, "labels": tokens.labels}
