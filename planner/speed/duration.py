"""How long the training of a run takes: by its real batches, padded or packed."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from planner import speed
from planner.data.tokens.order import epoch_order
from planner.memory.facts import Sized
from planner.setup import batches
from planner.setup.batches import Batch
from planner.setup.setup import Profile
from planner.speed import Rated

ORDERED_ROWS = 100_000
"""Rows, over all epochs, up to which the batches are those of the run and no sample."""
LENGTHS = 16
"""Classes of lengths; batches of one class are counted by their mean."""

Kind = tuple[int, int, bool]
"""Rows of a micro-batch, the class of their length, and whether they are masked."""


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
    trained, share = _epochs(schedule, profile)
    passes = sum(
        count * speed.micro_seconds(model, plan, accelerator)
        for plan, count in _counted(trained, profile)
    )
    steps = _steps(schedule, profile)
    training = passes / share + steps * speed.around_seconds(model, profile, accelerator)
    evaluation = sum(
        count * speed.evaluation_seconds(model, plan, accelerator)
        for plan, count in _counted(_held_out(schedule, profile), profile)
    )
    tokens = sum(batch.tokens for batch in trained) / share
    evaluations = -(-steps // schedule.evaluate_steps)
    return Duration(training / steps, training + evaluations * evaluation, tokens / steps)


def by_tokens(step_seconds: float, tokens: int, profile: Profile, schedule: Schedule) -> Duration:
    """Return how long a run takes of which one step of `tokens`, with padding, was measured.

    Time goes by tokens; an evaluation is one of the passes over them that a step makes.
    """
    found, share = _epochs(schedule, profile)
    trained = sum(batch.tokens for batch in found) / share
    evaluated = sum(batch.tokens for batch in _held_out(schedule, profile))
    steps, each = _steps(schedule, profile), step_seconds / tokens
    passes = 4 if profile.checkpointing else 3
    evaluations = -(-steps // schedule.evaluate_steps)
    seconds = each * (trained + evaluations * evaluated / passes)
    return Duration(each * trained / steps, seconds, trained / steps)


def seconds_of_step(
    model: Sized,
    profile: Profile,
    accelerator: Rated | None,
    lengths: Sequence[int],
    accumulation: int,
) -> float | None:
    """Return the seconds of one optimizer step with rows of these lengths; None as `speed.known`
    says. Rows that are padded are those of one micro-batch, which comes `accumulation` times."""
    if not speed.known(profile, accelerator):
        return None
    assert accelerator
    rows = tuple(lengths) if profile.packing else tuple(lengths) * accumulation
    found = batches.batches(rows, profile, accumulation)
    passes = sum(speed.micro_seconds(model, batch.of(profile), accelerator) for batch in found)
    return passes + speed.around_seconds(model, profile, accelerator)


def _steps(schedule: Schedule, profile: Profile) -> int:
    rows = profile.micro_batch * schedule.accumulation
    return -(-len(schedule.lengths) // rows) * schedule.epochs


def _epochs(schedule: Schedule, profile: Profile) -> tuple[list[Batch], float]:
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
        ordered = [lengths[row] for row in order]
        found += batches.batches(ordered, profile, schedule.accumulation)
    return found, len(lengths) * epochs / (len(schedule.lengths) * schedule.epochs)


def _held_out(schedule: Schedule, profile: Profile) -> Iterator[Batch]:
    return batches.padded(schedule.held_out, profile.micro_batch)


def _counted(found: Iterable[Batch], profile: Profile) -> Iterator[tuple[Profile, int]]:
    """Yield a plan for each kind of batch, and how many batches are of that kind."""
    alike: dict[Kind, list[Batch]] = defaultdict(list)
    width = max(1, profile.length // LENGTHS)
    for batch in found:
        alike[batch.rows, batch.longest // width, batch.masked].append(batch)
    for some in alike.values():
        mean = round(sum(batch.longest for batch in some) / len(some))
        yield some[0].of(profile, mean), len(some)
