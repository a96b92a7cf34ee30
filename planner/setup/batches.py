"""The batches of a run: rows padded to the longest, packed, or concatenated."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest

from planner.data.tokens import layout, packing
from planner.setup.setup import Profile


@dataclass(frozen=True)
class Batch:
    """The shape of one micro-batch."""

    rows: int
    """Number of rows."""
    longest: int
    """Tokens per row, including padding."""
    masked: bool
    """Whether attention needs a mask: rows are padded or packed."""
    squares: int = 0
    """The squares of the lengths of concatenated rows, added up; else 0."""

    @property
    def tokens(self) -> int:
        """Total tokens, including padding."""
        return self.rows * self.longest

    def of(self, profile: Profile) -> Profile:
        """Return the setup for such batches.

        The two rows of a preference pair count as different in length.
        """
        if self.squares:
            return profile.of_pass(self.longest, self.squares, masked=self.masked)
        return replace(
            profile, micro_batch=self.rows, length=self.longest, packing=False,
            padded=self.masked or profile.spec.pairs,
        )  # fmt: skip


Own = tuple[Batch, ...]
"""The batches of a step in one process."""


def padded(lengths: Sequence[int], micro_batch: int) -> Iterator[Batch]:
    """Yield the batches of rows in order, each padded to its longest row."""
    for first in range(0, len(lengths), micro_batch):
        batch = lengths[first : first + micro_batch]
        longest = max(batch)
        yield Batch(len(batch), longest, min(batch) < longest)


def packed(step: Sequence[int], micro_batch: int, capacity: int) -> Iterator[Batch]:
    """Yield the batches of a step, packed into rows of at most `capacity` tokens."""
    for joined in packing.passes(step, capacity, micro_batch):
        sizes = [sum(step[row] for row in rows) for rows in joined]
        alone = all(len(rows) == 1 for rows in joined)
        yield Batch(len(joined), max(sizes), not alone or min(sizes) < max(sizes))


def flowing(step: Sequence[int], most_tokens: int, ranks: int = 1) -> tuple[Own, ...]:
    """Return the passes of each rank in a step, of rows concatenated to at most `most_tokens`."""
    laid = layout.passes(step, most_tokens, ranks)
    return tuple(
        tuple(_flowing([step[row] for row in one]) for one in layout.of_rank(laid, rank, ranks))
        for rank in range(ranks)
    )


def _flowing(rows: Sequence[int]) -> Batch:
    """Return a pass; one token where it has no rows."""
    return Batch(1, sum(rows) or 1, len(rows) > 1, sum(length**2 for length in rows) or 1)


def by_rank(
    lengths: Sequence[int], profile: Profile, accumulation: int
) -> Iterator[tuple[Own, ...]]:
    """Yield the batches that each process computes in each step, for the rows of all processes in
    order."""
    micro_batch, ranks = profile.micro_batch, profile.ranks
    rows = micro_batch * accumulation * ranks
    for first in range(0, len(lengths), rows):
        step = lengths[first : first + rows]
        if profile.pass_tokens:
            yield flowing(step, profile.pass_tokens, ranks)
        elif profile.packing:
            yield (tuple(packed(step, micro_batch, profile.length)),)
        else:
            found = tuple(padded(step, micro_batch))
            yield tuple(found[rank::ranks] for rank in range(ranks))


def slowest(step: Sequence[Own], profile: Profile) -> Own:
    """Return the batches that a step takes as long as: those of the process with the most tokens.

    Processes that exchange in each batch (ZeRO from stage 2 on, FSDP2) wait for the largest of
    those that are computed at the same time.
    """
    if profile.ranks == 1:
        return step[0]
    if profile.engine.zero_stage < 2:
        return max(step, key=lambda own: sum(batch.tokens for batch in own))
    turns = zip_longest(*step)
    return tuple(max(filter(None, turn), key=lambda batch: batch.tokens) for turn in turns)


def batches(lengths: Sequence[int], profile: Profile, accumulation: int) -> Iterator[Batch]:
    """Yield the batches of the slowest process in each step, for the rows of all processes in
    order."""
    for step in by_rank(lengths, profile, accumulation):
        yield from slowest(step, profile)
