"""The greatest pass of a run, which needs the most memory."""

from collections.abc import Sequence

from planner.data.tokens import layout
from planner.data.tokens.example import COMPLETION
from runner.training.job import Job
from runner.training.padding_free import Row


def greatest_pass(job: Job) -> Sequence[Row]:
    """Return the rows of the pass with the most tokens, the first of several."""
    settings, lengths = job.train, [row.length for row in job.rows]
    each = settings.micro_batch * settings.accumulation
    passes = (
        rows
        for epoch in range(settings.epochs)
        for step in layout.steps(lengths, job.order(epoch), each, settings.pass_tokens)
        for rows in step
    )
    most = max(passes, key=lambda rows: sum(lengths[row] for row in rows))
    return [
        {
            "input_ids": job.rows[row][COMPLETION].input_ids,
            "labels": job.rows[row][COMPLETION].labels,
        }
        for row in most
    ]
