"""What the model would learn of the rows as tokens: whether anything is scored, and the end too.

A run whose labels are all masked ends without an error and teaches nothing; one in which no end of
turn is scored teaches a model that never stops.
"""

from collections.abc import Iterator

from tokenizers import Tokenizer

from lockfiles.errors import DataRefused
from planner.data.checks.finding import Finding
from planner.data.encode import TurnsRewritten
from planner.data.rows import Row
from planner.data.template import ChatTemplate, TemplateRunsAway
from planner.data.training import variant
from planner.data.xray import XRay, xray

NAMED = 40
"""Characters of a template's own words that a sentence repeats."""


class Masks:
    """Looks at rows as tokens; a `Check`, and slower than the others."""

    def __init__(self, template: ChatTemplate, tokenizer: Tokenizer) -> None:
        self._template, self._tokenizer = template, tokenizer
        self._seen = 0
        self._refused: dict[int, str] = {}
        self._unscored: list[int] = []
        self._answered: list[int] = []
        self._ends = 0

    def see(self, number: int, row: Row) -> None:
        """Look at one row. Raises TemplateRunsAway, which every other row would too."""
        self._seen += 1
        try:
            found = self._seen_through(row)
        except TemplateRunsAway:
            raise
        except DataRefused as problem:
            self._refused[number] = problem.message
            return
        if not found.scored:
            self._unscored.append(number)
        elif row.answer.strip():
            self._answered.append(number)
            self._ends += _scores_end(found, row)

    def _seen_through(self, row: Row) -> XRay:
        """Return what training sees: where the template rewrites turns, with its variant."""
        try:
            return xray(row, self._template, self._tokenizer)
        except TurnsRewritten:
            other = variant(self._template)
            if not other:
                raise
            self._template = other
            return xray(row, other, self._tokenizer)

    def findings(self) -> Iterator[Finding]:
        """Yield what would go wrong."""
        if self._refused:
            first = next(iter(self._refused.values()))
            yield Finding(
                "template", "refused", tuple(self._refused),
                f"The model's chat template cannot render {len(self._refused):,} of "
                f"{self._seen:,} rows: {first}",
                'take those rows out, or name another template (`template = "…"` under `[model]`)',
            )  # fmt: skip
        if self._unscored:
            yield Finding(
                "no-scored-token", "refused", self._unscored,
                f"{len(self._unscored):,} of {self._seen:,} rows have no token that is scored, so "
                "nothing would be learnt from them.",
                "take those rows out, or give them an answer",
            )  # fmt: skip
        if self._answered and not self._ends:
            yield Finding(
                "end-never-scored", "refused", (),
                "No row scores a token behind the answer, so the model would never learn to stop.",
                'name a template that ends each answer (`template = "…"` under `[model]`)',
                count=len(self._answered),
            )  # fmt: skip


def _scores_end(found: XRay, row: Row) -> bool:
    """Return whether the last scored token stands behind what the last answer says."""
    last = next(piece for piece in reversed(found.pieces) if piece.scored)
    return not last.text.rstrip().endswith(row.answer.rstrip())
