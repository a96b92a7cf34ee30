"""From a lock to the case that a rehearsal runs: its plan, and the rows that need most memory."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from lockfiles.lock import Parallel, TrainingLock
from planner.data.corpus.corpus import Corpus
from planner.data.corpus.part import Part
from planner.data.tokens import layout
from planner.data.tokens.example import Example
from planner.data.tokens.order import epoch_order
from planner.setup.batches import packed
from runner.inputs.setup import profile_of
from runner.rehearse.case import Case

ACCUMULATION = 2
"""Maximum micro-batches of a rehearsed step: from the second one on all gradients exist."""
STEPS = 3
"""Optimizer steps of a rehearsal."""
SHORT_STEPS = 4
"""The same if a step is short, so that the median is taken over more of them."""
SHORT_FLOPS = 1e13
"""Floating-point operations up to which a step counts as short: a few seconds on any device."""


def longest_batch(lengths: Sequence[int], lock: TrainingLock) -> list[int]:
    """Return the row numbers of a run's longest micro-batch.

    It is the one with the most tokens, including padding, in the lock's order over all epochs.
    With packing it is the complete step, that of all processes of this machine, with the longest
    micro-batch, then the most tokens.
    """
    orders = (epoch_order(len(lengths), lock.train.seed, e) for e in range(lock.train.epochs))
    train = lock.train
    if lock.stream.packing:
        rows = train.micro_batch * train.accumulation * lock.parallel.on_each
        steps = _batches(orders, rows)
        longest = max(lengths)
        return max(steps, key=lambda rows: _tokens([lengths[r] for r in rows], lock, longest))
    batches = _batches(orders, train.micro_batch)
    return max(batches, key=lambda rows: len(rows) * max(lengths[row] for row in rows))


def _tokens(lengths: Sequence[int], lock: TrainingLock, capacity: int) -> tuple[int, int]:
    """Return the tokens of a packed step's longest micro-batch, and of all of them."""
    train = lock.train
    if train.pass_tokens:
        laid = layout.passes(lengths, train.pass_tokens, lock.parallel.on_each)
        tokens = [sum(lengths[row] for row in rows) for rows in laid]
    else:
        tokens = [batch.tokens for batch in packed(lengths, train.micro_batch, capacity)]
    return max(tokens), sum(tokens)


def _batches(orders: Iterable[Sequence[int]], size: int) -> Iterator[list[int]]:
    for order in orders:
        for first in range(0, len(order), size):
            yield list(order[first : first + size])


def _held_out(part: Part | None, lock: TrainingLock) -> Sequence[Example]:
    """Return the evaluation's longest micro-batch; its rows are in file order."""
    rows, size = part.encoded if part else (), lock.train.micro_batch
    batches = (rows[first : first + size] for first in range(0, len(rows), size))
    return max(batches, key=lambda b: len(b) * max(r.length for r in b), default=())


def here(lock: TrainingLock) -> Parallel:
    """Return how the processes of one machine share the work of a lock."""
    own = {"processes": lock.parallel.on_each, "nodes": 1}
    return lock.parallel.model_copy(update=own)


def case_of(lock: TrainingLock, config: dict[str, Any], rows: Corpus | None) -> Case:
    """Return the case of a lock: its longest micro-batch, or random rows of its longest length.

    `config` is the model's `config.json`; `rows` is None if they are not available.
    """
    train = rows.part("train") if rows else None
    lengths = [row.length for row in train.encoded] if train else []
    limit, most = lock.stream.max_length_tokens, lock.train.pass_tokens
    longest = max(lengths, default=min(limit, most) if most else limit)
    own = here(lock)
    profile = profile_of(lock, longest, padded=lock.train.micro_batch > 1)
    profile = replace(profile, ranks=own.processes)
    picked = [train.encoded[row] for row in longest_batch(lengths, lock)] if train else []
    held = rows.part("validation") if rows else None
    least = lock.train.accumulation if profile.packing else ACCUMULATION
    accumulation = min(least, lock.train.accumulation)
    flops = 6.0 * lock.model.parameters * profile.in_passes().tokens * accumulation
    return Case(
        name=lock.intent.name,
        config=config,
        profile=profile,
        accumulation=accumulation,
        rows=tuple(picked),
        held_out=tuple(_held_out(held, lock)),
        steps=SHORT_STEPS if flops <= SHORT_FLOPS else STEPS,
        evaluate=any(part.split == "validation" for part in lock.data),
        times_host=lock.machine.kind == "cuda",
        objective=lock.objective.model_dump(exclude={"name"}),
        parallel=own.model_dump(),
    )
