"""The forward passes that rows lead to: padded to the longest of them, or packed."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from planner.data.tokens import packing
from planner.setup.setup import Profile


@dataclass(frozen=True)
class Batch:
    """One micro-batch, as far as its time depends on it."""

    rows: int
    """Rows of its tensors."""
    longest: int
    """Tokens of each of them, padding among them."""
    masked: bool
    """Whether attention gets a mask: rows are padded, or several stand in one."""

    @property
    def tokens(self) -> int:
        """Tokens of all rows, padding among them."""
        return self.rows * self.longest

    def of(self, profile: Profile, longest: int | None = None) -> Profile:
        """Return a plan for nothing but such batches, or for ones of another length.

        The two rows of a pair differ in length, whatever else is known.
        """
        return replace(
            profile, micro_batch=self.rows, length=longest or self.longest, packing=False,
            padded=self.masked or profile.spec.pairs,
        )  # fmt: skip


def padded(lengths: Sequence[int], micro_batch: int) -> Iterator[Batch]:
    """Yield the batches of rows in their order, each padded to its longest row."""
    for first in range(0, len(lengths), micro_batch):
        batch = lengths[first : first + micro_batch]
        longest = max(batch)
        yield Batch(len(batch), longest, min(batch) < longest)


def packed(
    lengths: Sequence[int], micro_batch: int, accumulation: int, capacity: int
) -> Iterator[Batch]:
    """Yield the batches of rows in their order, joined within a step of `micro_batch` times
    `accumulation` rows, into rows of at most `capacity` tokens."""
    each = micro_batch * accumulation
    for first in range(0, len(lengths), each):
        step = lengths[first : first + each]
        for joined in packing.passes(step, capacity, micro_batch):
            sizes = [sum(step[row] for row in rows) for rows in joined]
            alone = all(len(rows) == 1 for rows in joined)
            yield Batch(len(joined), max(sizes), not alone or min(sizes) < max(sizes))


def batches(lengths: Sequence[int], profile: Profile, accumulation: int) -> Iterator[Batch]:
    """Yield the batches of a plan's training for rows in their order."""
    if profile.packing:
        return packed(lengths, profile.micro_batch, accumulation, profile.length)
    return padded(lengths, profile.micro_batch)
