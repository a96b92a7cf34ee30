"""Defines when two rows are near duplicates, and which shingles are boilerplate."""

from collections import Counter
from collections.abc import Sequence
from itertools import chain

from planner.data.near.shingles import Sides

WHOLE = 0.8
"""Minimum Jaccard index of near duplicates, the usual one for training data (Lee et al. 2022,
"Deduplicating Training Data Makes Language Models Better").

Short rows must be more similar: with a one-word answer, a query may have one more word at an end if
it has at least 5 words, and one changed word in the middle if it has at least 28.
"""
EACH = 0.5
"""Minimum index of their prompts and of their answers separately, so that questions about the same
long text, or different questions with the same long answer, are not duplicates."""
SAMPLE, SHARED = 256, 50
"""A shingle is boilerplate if it occurs in at least `SHARED` of `SAMPLE` rows (about 20%). The most
frequent one in gsm8k, `how much money`, occurs in 6.5% of the prompts."""


def are_near(one: Sides, other: Sides) -> bool:
    """Return whether two rows are near duplicates."""
    prompts, answers = (len(mine & yours) for mine, yours in zip(one, other, strict=True))
    of_prompts = len(one[0]) + len(other[0]) - prompts
    of_answers = len(one[1]) + len(other[1]) - answers
    return (
        prompts >= EACH * of_prompts
        and answers >= EACH * of_answers
        and prompts + answers >= WHOLE * (of_prompts + of_answers)
    )


class Boilerplate:
    """Shingles that many rows share, such as an instruction in every prompt."""

    def __init__(self) -> None:
        self._shared: set[int] = set()

    def learn(self, batch: Sequence[Sides]) -> None:
        """Add the boilerplate of these rows, from an even sample."""
        step = -(-len(batch) // SAMPLE) or 1
        counts = Counter(chain.from_iterable(map(chain.from_iterable, batch[::step])))
        self._shared.update(shingle for shingle, rows in counts.items() if rows >= SHARED)

    def told_apart_by(self, sides: Sides) -> Sides:
        """Return the distinctive shingles of a row.

        A side with only boilerplate is kept complete.
        """
        if not self._shared:
            return sides
        prompt, answer = sides
        return prompt - self._shared or prompt, answer - self._shared or answer

    def asked_by(self, sides: Sides) -> Sides:
        """Return the shingles of the prompt, with those of the answer if it has only boilerplate.

        Plain text has no prompt, and some files have the same prompt in every row.
        """
        prompt, answer = self.told_apart_by(sides)
        return (prompt, answer) if prompt <= self._shared else (prompt, set())
