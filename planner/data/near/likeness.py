"""When two rows are near duplicates, and which shingles tell nothing about a row."""

from collections import Counter
from collections.abc import Sequence
from itertools import chain

from planner.data.near.shingles import Sides

WHOLE = 0.8
"""Jaccard index of near duplicates at least; the usual one for training data (Lee et al. 2022,
"Deduplicating Training Data Makes Language Models Better").

Short rows must be more alike: where the answer is one word, a query may have one word more at an
end from 5 words on, and another word in its middle from 28 on. In fewer, each word counts.
"""
EACH = 0.5
"""Of their prompts and of their answers at least, so that questions about one long text, or
different questions with the same long answer, are no duplicates."""
SAMPLE, SHARED = 256, 50
"""A shingle is boilerplate if it stands in this many of so many rows, or about 20%. The most
frequent one of gsm8k, `how much money`, stands in 6.5% of the prompts."""


def are_near(one: Sides, other: Sides) -> bool:
    """Whether two rows say nearly the same."""
    prompts, answers = (len(mine & yours) for mine, yours in zip(one, other, strict=True))
    of_prompts = len(one[0]) + len(other[0]) - prompts
    of_answers = len(one[1]) + len(other[1]) - answers
    return (
        prompts >= EACH * of_prompts
        and answers >= EACH * of_answers
        and prompts + answers >= WHOLE * (of_prompts + of_answers)
    )


class Boilerplate:
    """Shingles that many rows share, such as an instruction that stands in every prompt."""

    def __init__(self) -> None:
        self._shared: set[int] = set()

    def learn(self, batch: Sequence[Sides]) -> None:
        """Add what is boilerplate among these rows, of which an even sample is looked at."""
        step = -(-len(batch) // SAMPLE) or 1
        counts = Counter(chain.from_iterable(map(chain.from_iterable, batch[::step])))
        self._shared.update(shingle for shingle, rows in counts.items() if rows >= SHARED)

    def told_apart_by(self, sides: Sides) -> Sides:
        """Return the shingles that tell a row from others.

        A side that is nothing but boilerplate is left whole.
        """
        if not self._shared:
            return sides
        prompt, answer = sides
        return prompt - self._shared or prompt, answer - self._shared or answer

    def asked_by(self, sides: Sides) -> Sides:
        """Return the shingles of the prompt, with the answer only where the prompt tells nothing.

        Rows of plain text have no prompt, and some files have the same in each row.
        """
        prompt, answer = self.told_apart_by(sides)
        return (prompt, answer) if prompt <= self._shared else (prompt, set())
