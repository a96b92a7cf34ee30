"""How long the training of a run takes: by its real batches, each padded to its longest row."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from planner import speed
from planner.data.order import epoch_order
from planner.memory.facts import Sized
from planner.profile import Profile
from planner.speed import Rated

ORDERED_ROWS = 100_000
"""Rows, over all epochs, up to which the batches are those of the run and no sample."""
LENGTHS = 16
"""Classes of lengths; batches of one class are counted by their mean."""

Batch = tuple[int, int, bool]
"""Rows of a micro-batch, tokens of its longest row, and whether another row is shorter."""
Kind = tuple[int, int, bool]
"""The same with the class of that length."""


@dataclass(frozen=True)
class Schedule:
    """What a run goes through."""

    lengths: Sequence[int]
    """Tokens of each training row, as training sees it, in the order of the rows."""
    held_out: Sequence[int]
    """The same of the validation rows; empty without any."""
    seed: int
    """Of the order of the rows."""
    epochs: int
    """Passes over the rows."""
    accumulation: int
    """Micro-batches of a step."""
    evaluate_steps: int
    """Steps between two evaluations."""


@dataclass(frozen=True)
class Duration:
    """How long training takes."""

    step_seconds: float
    """The mean of the optimizer's steps."""
    seconds: float
    """All steps and evaluations; loading and saving are not counted."""
    padded_tokens: float
    """Tokens of a mean step, padding among them."""


def duration(
    model: Sized, profile: Profile, accelerator: Rated | None, schedule: Schedule
) -> Duration | None:
    """Return how long a run takes whose longest batch is `profile`; None as `speed.known` says."""
    if not speed.known(profile, accelerator):
        return None
    assert accelerator
    batches, share = _epochs(schedule, profile.micro_batch)
    passes = sum(
        count * speed.micro_seconds(model, plan, accelerator)
        for plan, count in _counted(batches, profile)
    )
    steps = _steps(schedule, profile.micro_batch)
    training = passes / share + steps * speed.around_seconds(model, profile, accelerator)
    evaluation = sum(
        count * speed.evaluation_seconds(model, plan, accelerator)
        for plan, count in _counted(_batches(schedule.held_out, profile.micro_batch), profile)
    )
    tokens = sum(rows * longest for rows, longest, _ in batches) / share
    evaluations = -(-steps // schedule.evaluate_steps)
    return Duration(training / steps, training + evaluations * evaluation, tokens / steps)


def by_tokens(step_seconds: float, tokens: int, profile: Profile, schedule: Schedule) -> Duration:
    """Return how long a run takes of which one step of `tokens`, with padding, was measured.

    Time goes by tokens; an evaluation is one of the passes over them that a step makes.
    """
    batches, share = _epochs(schedule, profile.micro_batch)
    trained = sum(rows * longest for rows, longest, _ in batches) / share
    held_out = _batches(schedule.held_out, profile.micro_batch)
    evaluated = sum(rows * longest for rows, longest, _ in held_out)
    steps, each = _steps(schedule, profile.micro_batch), step_seconds / tokens
    passes = 4 if profile.checkpointing else 3
    evaluations = -(-steps // schedule.evaluate_steps)
    seconds = each * (trained + evaluations * evaluated / passes)
    return Duration(each * trained / steps, seconds, trained / steps)


def _steps(schedule: Schedule, micro_batch: int) -> int:
    batches = -(-len(schedule.lengths) // micro_batch)
    return -(-batches // schedule.accumulation) * schedule.epochs


def _epochs(schedule: Schedule, micro_batch: int) -> tuple[list[Batch], float]:
    """Return the batches that are counted, and their share of the run.

    Long runs are counted by their first epoch, and long epochs by every so manieth row.
    """
    lengths, epochs = schedule.lengths, schedule.epochs
    if len(lengths) * epochs > ORDERED_ROWS:
        epochs = 1
        lengths = lengths[:: -(-len(lengths) // ORDERED_ROWS)]
    found: list[Batch] = []
    for epoch in range(epochs):
        order = epoch_order(len(lengths), schedule.seed, epoch)
        found += _batches([lengths[row] for row in order], micro_batch)
    return found, len(lengths) * epochs / (len(schedule.lengths) * schedule.epochs)


def _batches(lengths: Sequence[int], micro_batch: int) -> Iterator[Batch]:
    for first in range(0, len(lengths), micro_batch):
        batch = lengths[first : first + micro_batch]
        longest = max(batch)
        yield len(batch), longest, min(batch) < longest


def _counted(batches: Iterable[Batch], profile: Profile) -> Iterator[tuple[Profile, int]]:
    """Yield a plan for each kind of batch, and how many batches are of that kind."""
    found: dict[Kind, list[int]] = defaultdict(list)
    width = max(1, profile.length // LENGTHS)
    for rows, longest, padded in batches:
        found[rows, longest // width, padded].append(longest)
    for (rows, _, padded), lengths in found.items():
        mean = round(sum(lengths) / len(lengths))
        yield replace(profile, micro_batch=rows, length=mean, padded=padded), len(lengths)
