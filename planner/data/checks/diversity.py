"""Checks whether prompts and answers are diverse."""

import random
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from planner.data.checks.finding import Finding
from planner.data.checks.sample import EvenSample
from planner.data.rows.rows import Row

SAMPLE_ROWS = 1_000
"""Rows that are measured; of a longer file, an evenly spread sample. The thresholds below are for
about this many texts."""
FEWEST_ROWS = 100
"""With fewer rows, there is no finding."""
EDGE_WORDS = 4
"""Words that count as an opening or an ending."""
LOW_DIFFERENT = 0.5
"""Diversity is low if the shares of distinct openings and of distinct endings are both below this.

Measured: at least 0.76 and 0.84 in the prompts of GSM8K, CLINC150 (also for one intent) and
self-instruct; at most 0.33 and 0.37 in 1,000 prompts generated from 1 to 100 patterns. Both must be
low, since a task may have the same words before or after each text."""
LOW_TYPES = 180
"""Diversity is also low with fewer distinct words per 1,000. Measured: at least 236 in those
datasets, at most 132 in prompts generated from 1 to 8 patterns."""
SHORT_WORDS = 5
"""Answers with fewer words on average are labels or numbers, which need not be diverse."""
_WINDOW = 1_000
_HEAD_CHARS, _TAIL_CHARS = 160, 60
_WORD = re.compile(r"\w+")


@dataclass(frozen=True)
class Variety:
    """The diversity of some texts."""

    openings: float
    """Distinct openings, as a share of the texts."""
    endings: float
    """Distinct endings, as a share of the texts."""
    types: float
    """Distinct words per 1,000 words, on average."""
    words: float
    """Average number of words at the beginning of a text."""
    frequent: str
    """The most frequent opening."""
    frequent_share: float
    """The share of texts with that opening."""

    @property
    def is_low(self) -> bool:
        """Whether diversity is low enough to report."""
        same = max(self.openings, self.endings) < LOW_DIFFERENT
        return same or self.types < LOW_TYPES


def variety(heads: list[str], tails: list[str]) -> Variety:
    """Measure at least one text, by the beginnings and ends of the texts."""
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
    """Return distinct words per window, over shuffled texts: files are often sorted by topic."""
    mixed = random.Random(0).sample(texts, len(texts))
    words = [word for text in mixed for word in text]
    starts = range(0, max(len(words) - _WINDOW // 2, 1), _WINDOW)
    windows = [words[start : start + _WINDOW] for start in starts]
    return sum(_WINDOW * len(set(each)) / max(len(each), 1) for each in windows) / len(windows)


class Diversity:
    """`diversity`: a warning for prompts or plain text of low diversity, a note for answers."""

    def __init__(self) -> None:
        self._texts: EvenSample[tuple[str, str, str, str]] = EvenSample(SAMPLE_ROWS)

    def see(self, number: int, row: Row) -> None:
        """Keep the beginning and end of the prompt and the answer of a sample of rows."""
        if self._texts.wants(number):
            prompt, answer = row.prompt.strip(), row.answer.strip()
            heads = prompt[:_HEAD_CHARS], answer[:_HEAD_CHARS]
            self._texts.add(number, (*heads, prompt[-_TAIL_CHARS:], answer[-_TAIL_CHARS:]))

    def findings(self) -> Iterator[Finding]:
        """Yield one finding each for prompts and answers of low diversity."""
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
            said=f"The {name} have low diversity: of {len(self._texts):,} checked, "
            f"{found.openings:.0%} have a distinct beginning and {found.endings:.0%} a distinct "
            f"end; 1,000 words have {found.types:.0f} distinct ones; "
            f"{found.frequent_share:.0%} begin with `{found.frequent}`.",
            fix="" if name == "answers" else "add rows on other topics, with other wording",
        )
