"""Estimates the duration of a run from its actual batches, padded or packed."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from planner import speed
from planner.data.tokens.layout import evaluated_rows, size_of
from planner.data.tokens.order import epoch_order
from planner.data.tokens.sizes import sizes
from planner.machines.facts import TimedStep
from planner.memory.facts import Sized
from planner.setup import batches
from planner.setup.batches import Batch, Own
from planner.setup.setup import Profile
from planner.speed import Rated

ORDERED_ROWS = 100_000
"""Up to this many rows over all epochs, all batches are used; beyond it, a sample."""
LENGTHS = 16
"""Classes of lengths; batches of a class are represented by their mean length."""

Kind = tuple[int, int, bool]
"""Rows of a micro-batch, the class of its length, and whether it is masked."""


@dataclass(frozen=True)
class Schedule:
    """The rows and steps of a run, those of all processes together."""

    lengths: Sequence[int]
    """Tokens of each training row after truncation, in row order."""
    held_out: Sequence[int]
    """The same for the validation rows; empty if there are none."""
    seed: int
    """Seed of the row order."""
    epochs: int
    """Passes over the rows."""
    accumulation: int
    """Micro-batches per optimizer step in one process."""
    evaluate_steps: int
    """Optimizer steps between evaluations."""


@dataclass(frozen=True)
class Duration:
    """The duration of training."""

    step_seconds: float
    """Mean time of an optimizer step."""
    seconds: float
    """Total time of steps and evaluations, without loading; of checkpoints too where their time
    was measured."""
    padded_tokens: float
    """Average tokens per step, including padding, over all sequences of an example and all
    processes."""
    steps: int
    """Optimizer steps over all epochs."""


def duration(
    model: Sized, profile: Profile, accelerator: Rated | None, schedule: Schedule
) -> Duration | None:
    """Return the duration of a run, in which each step takes as long as its slowest process; None
    if `speed.known` is False."""
    if not speed.known(model.architecture, profile, accelerator):
        return None
    assert accelerator
    every, share = _epochs(schedule, profile)
    trained = _slowest(every, profile)
    passes = sum(
        count * speed.micro_seconds(model, plan, accelerator)
        for plan, count in _counted(trained, profile)
    )
    steps = _steps(schedule, profile)
    training = passes / share + steps * speed.around_seconds(model, profile, accelerator)
    evaluation = sum(
        count * speed.evaluation_seconds(model, plan, accelerator)
        for plan, count in _counted(_held_out(schedule, profile), replace(profile, graph_sizes=0))
    )
    tokens = _tokens_of_all(every, profile) / share
    evaluations = -(-steps // schedule.evaluate_steps)
    return Duration(training / steps, training + evaluations * evaluation, tokens / steps, steps)


def by_tokens(step: TimedStep, profile: Profile, schedule: Schedule) -> Duration:
    """Return the duration of a run from a measured step of the same setup.

    Time is proportional to tokens. An evaluation that was not measured takes one of the passes of a
    step. A checkpoint is saved with every evaluation, and at the end.
    """
    every, share = _epochs(schedule, profile)
    trained = _tokens(_slowest(every, profile), profile) / share
    steps, each = _steps(schedule, profile), step.seconds / step.tokens
    if step.evaluation_seconds and step.evaluation_tokens:
        evaluated = step.evaluation_seconds / step.evaluation_tokens
    else:
        evaluated = each / (4 if profile.checkpointing else 3)
    evaluation = evaluated * evaluation_tokens(profile, schedule)
    stops = -(-steps // schedule.evaluate_steps)
    seconds = each * trained + stops * (evaluation + step.save_seconds)
    tokens = _tokens_of_all(every, profile) / share
    return Duration(each * trained / steps, seconds, tokens / steps, steps)


def tokens_of_steps(profile: Profile, schedule: Schedule) -> Iterator[int]:
    """Yield the tokens of each optimizer step in its slowest process, including padding."""
    for epoch in range(schedule.epochs):
        order = epoch_order(len(schedule.lengths), schedule.seed, epoch)
        ordered = [schedule.lengths[row] for row in order]
        for step in batches.by_rank(ordered, profile, schedule.accumulation):
            yield _tokens(batches.slowest(step, profile), profile)


def evaluation_tokens(profile: Profile, schedule: Schedule) -> int:
    """Return the tokens of an evaluation in its slowest process, including padding; 0 without
    validation rows."""
    return _tokens(_held_out(schedule, profile), profile)


def seconds_of_step(
    model: Sized,
    profile: Profile,
    accelerator: Rated | None,
    lengths: Sequence[int],
    accumulation: int,
) -> float | None:
    """Return the seconds of one optimizer step with rows of these lengths; None if `speed.known` is
    False. Without packing, the rows are one micro-batch, which is repeated `accumulation` times.
    Recorded passes have the largest size. Of several processes, the rows are those of one."""
    if not speed.known(model.architecture, profile, accelerator):
        return None
    assert accelerator
    ranks = profile.ranks if profile.pass_tokens else 1  # a step is laid out for all of them
    rows = tuple(lengths) * (ranks if profile.packing else accumulation)
    found = batches.batches(rows, profile, accumulation)
    if profile.graph_sizes:
        filled = profile.in_passes().length
        found = (replace(one, longest=filled) for one in found)
    passes = sum(speed.micro_seconds(model, batch.of(profile), accelerator) for batch in found)
    return passes / ranks + speed.around_seconds(model, profile, accelerator)


def _steps(schedule: Schedule, profile: Profile) -> int:
    rows = profile.micro_batch * schedule.accumulation * profile.ranks
    return -(-len(schedule.lengths) // rows) * schedule.epochs


def _epochs(schedule: Schedule, profile: Profile) -> tuple[list[tuple[Own, ...]], float]:
    """Return the steps that are used, with the batches of each process, and their share of the run.

    Of long runs only the first epoch is used, and of long epochs every n-th row.
    """
    lengths, epochs = schedule.lengths, schedule.epochs
    if len(lengths) * epochs > ORDERED_ROWS:
        epochs = 1
        lengths = lengths[:: -(-len(lengths) // ORDERED_ROWS)]
    found: list[tuple[Own, ...]] = []
    for epoch in range(epochs):
        order = epoch_order(len(lengths), schedule.seed, epoch)
        ordered = [lengths[row] for row in order]
        found += batches.by_rank(ordered, profile, schedule.accumulation)
    return found, len(lengths) * epochs / (len(schedule.lengths) * schedule.epochs)


def _tokens(found: Iterable[Batch], profile: Profile) -> int:
    """Return the tokens of batches, including padding, over all sequences of their examples."""
    return len(profile.spec.sequences) * sum(batch.tokens for batch in found)


def _tokens_of_all(steps: Iterable[tuple[Own, ...]], profile: Profile) -> int:
    """Return the tokens of steps in all processes."""
    return _tokens((one for step in steps for own in step for one in own), profile)


def _slowest(steps: Iterable[tuple[Own, ...]], profile: Profile) -> list[Batch]:
    """Return the batches of the slowest process in each step."""
    return [one for step in steps for one in batches.slowest(step, profile)]


def _held_out(schedule: Schedule, profile: Profile) -> Iterator[Batch]:
    """Return the batches of an evaluation in its slowest process."""
    rows, plan = schedule.held_out, profile
    if profile.pass_tokens and rows:
        plan = replace(profile, pass_tokens=max(profile.pass_tokens, *rows))
        if profile.ranks == 1:
            plan = replace(plan, micro_batch=evaluated_rows(rows, plan.pass_tokens))
    elif profile.packing:
        plan = replace(profile, packing=False)
    return batches.batches(rows, plan, 1)


def _filled(found: Iterable[Batch], profile: Profile) -> Iterable[Batch]:
    """Return batches with the blank tokens of recorded passes."""
    if not profile.graph_sizes:
        return found
    passes = list(found)
    known = sizes([one.longest for one in passes], profile.graph_sizes) if passes else ()
    return (replace(one, longest=size_of(one.longest, known)) for one in passes)


def _counted(found: Iterable[Batch], profile: Profile) -> Iterator[tuple[Profile, int]]:
    """Yield a setup for each kind of batch, with the number of such batches."""
    found, alike = _filled(found, profile), defaultdict[Kind, list[Batch]](list)
    width = max(1, (profile.pass_tokens or profile.length) // LENGTHS)
    for batch in found:
        alike[batch.rows, batch.longest // width, batch.masked].append(batch)
    for some in alike.values():
        mean = round(sum(batch.longest for batch in some) / len(some))
        squares = round(sum(batch.squares for batch in some) / len(some))
        yield replace(some[0], longest=mean, squares=squares).of(profile), len(some)
