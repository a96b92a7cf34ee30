"""Whether prompts and answers say many different things, or the same few over and over."""

import random
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from planner.data.checks.finding import Finding
from planner.data.checks.sample import EvenSample
from planner.data.rows.rows import Row

SAMPLE_ROWS = 1_000
"""The measures hold for about so many texts; some that are evenly spread stand
for a longer file."""
FEWEST_ROWS = 100
"""Fewer rows tell nothing here."""
EDGE_WORDS = 4
"""Words of an opening, and of an ending."""
LOW_DIFFERENT = 0.5
"""Low where both different openings and different endings are a smaller share of the texts.
Measured: at least 0.76 and 0.84 in the prompts of GSM8K, CLINC150 (one intent too) and
self-instruct, at most 0.33 and 0.37 in 1,000 made of 1 to 100 patterns. One alone says nothing:
a task may put the same words before or after each of its texts."""
LOW_TYPES = 180
"""Different words in 1,000 that are low. Measured: at least 236 there, at most 132 in prompts
made of 1 to 8 patterns."""
SHORT_WORDS = 5
"""Answers of fewer words, on average, are labels or figures, and need not differ."""
_WINDOW = 1_000
_HEAD_CHARS, _TAIL_CHARS = 160, 60
_WORD = re.compile(r"\w+")


@dataclass(frozen=True)
class Variety:
    """How much some texts vary."""

    openings: float
    """Different first words, as a share of the texts."""
    endings: float
    """Different last words, as a share of the texts."""
    types: float
    """Different words in each 1,000, on average; of fewer words, their share times 1,000."""
    words: float
    """Words in a text, on average, of those at its begin."""
    frequent: str
    """The opening that most of the texts have."""
    frequent_share: float
    """Share of the texts that have it."""

    @property
    def is_low(self) -> bool:
        """Whether a person should look."""
        same = max(self.openings, self.endings) < LOW_DIFFERENT
        return same or self.types < LOW_TYPES


def variety(heads: list[str], tails: list[str]) -> Variety:
    """Measure texts, at least one, of which begins and ends are given."""
    words = [_WORD.findall(head.lower()) for head in heads]
    openings = Counter(" ".join(each[:EDGE_WORDS]) for each in words)
    endings = {tuple(_WORD.findall(tail.lower())[-EDGE_WORDS:]) for tail in tails}
    frequent, count = openings.most_common(1)[0]
    return Variety(
        openings=len(openings) / len(heads),
        endings=len(endings) / len(heads),
        types=_types(words),
        words=sum(map(len, words)) / len(heads),
        frequent=frequent,
        frequent_share=count / len(heads),
    )


def _types(texts: list[list[str]]) -> float:
    """Different words in each window; the texts are mixed, as files are often sorted by topic."""
    mixed = random.Random(0).sample(texts, len(texts))
    words = [word for text in mixed for word in text]
    starts = range(0, max(len(words) - _WINDOW // 2, 1), _WINDOW)
    windows = [words[start : start + _WINDOW] for start in starts]
    return sum(_WINDOW * len(set(each)) / max(len(each), 1) for each in windows) / len(windows)


class Diversity:
    """`diversity`: a warning where prompts or plain texts vary little, a note where answers do."""

    def __init__(self) -> None:
        self._texts: EvenSample[tuple[str, str, str, str]] = EvenSample(SAMPLE_ROWS)

    def see(self, number: int, row: Row) -> None:
        """Keep how the prompt and the answer begin and end, of some rows."""
        if self._texts.wants(number):
            prompt, answer = row.prompt.strip(), row.answer.strip()
            heads = prompt[:_HEAD_CHARS], answer[:_HEAD_CHARS]
            self._texts.add(number, (*heads, prompt[-_TAIL_CHARS:], answer[-_TAIL_CHARS:]))

    def findings(self) -> Iterator[Finding]:
        """Yield a finding for prompts and one for answers where they vary little."""
        if len(self._texts) < FEWEST_ROWS:
            return
        columns = [list(column) for column in zip(*(kept for _, kept in self._texts), strict=True)]
        plain = not any(columns[0])
        prompts, answers = variety(columns[0], columns[2]), variety(columns[1], columns[3])
        if prompts.is_low and not plain:
            yield self._finding("prompts", prompts)
        if answers.is_low and answers.words >= SHORT_WORDS:
            yield self._finding("texts" if plain else "answers", answers)

    def _finding(self, name: str, found: Variety) -> Finding:
        return Finding(
            id="diversity",
            severity="note" if name == "answers" else "warning",
            rows=(),
            said=f"Of {len(self._texts):,} {name} looked at, {found.openings:.0%} begin and "
            f"{found.endings:.0%} end differently, and 1,000 of their words are "
            f"{found.types:.0f} different ones; {found.frequent_share:.0%} begin with "
            f"`{found.frequent}`.",
            fix="" if name == "answers" else "add rows in other words, about other things",
        )
