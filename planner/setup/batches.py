"""The batches of a run: rows padded to the longest, packed, or concatenated."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

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


def padded(lengths: Sequence[int], micro_batch: int) -> Iterator[Batch]:
    """Yield the batches of rows in order, each padded to its longest row."""
    for first in range(0, len(lengths), micro_batch):
        batch = lengths[first : first + micro_batch]
        longest = max(batch)
        yield Batch(len(batch), longest, min(batch) < longest)


def packed(
    lengths: Sequence[int], micro_batch: int, accumulation: int, capacity: int
) -> Iterator[Batch]:
    """Yield the batches of rows in order, packed into rows of at most `capacity` tokens within each
    step of `micro_batch` x `accumulation` rows."""
    each = micro_batch * accumulation
    for first in range(0, len(lengths), each):
        step = lengths[first : first + each]
        for joined in packing.passes(step, capacity, micro_batch):
            sizes = [sum(step[row] for row in rows) for rows in joined]
            alone = all(len(rows) == 1 for rows in joined)
            yield Batch(len(joined), max(sizes), not alone or min(sizes) < max(sizes))


def flowing(lengths: Sequence[int], rows: int, most_tokens: int, ranks: int = 1) -> Iterator[Batch]:
    """Yield the passes of rows in order, concatenated to at most `most_tokens` tokens,
    within each step of `rows` rows.

    With several `ranks`, each has as many passes of a step, of about the same size. The rows are
    then those of one process, and are laid out like those of as many processes in a step: they have
    as many passes as in steps of their own.
    """
    for step in layout.steps(lengths, range(len(lengths)), rows * ranks, most_tokens, ranks):
        for one in filter(None, step):
            own = [lengths[row] for row in one]
            yield Batch(1, sum(own), len(own) > 1, sum(length**2 for length in own))


def batches(lengths: Sequence[int], profile: Profile, accumulation: int) -> Iterator[Batch]:
    """Yield the batches of a training setup for rows in order."""
    if profile.pass_tokens:
        rows = profile.micro_batch * accumulation
        return flowing(lengths, rows, profile.pass_tokens, profile.ranks)
    if profile.packing:
        return packed(lengths, profile.micro_batch, accumulation, profile.length)
    return padded(lengths, profile.micro_batch)
