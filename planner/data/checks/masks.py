"""Checks the loss masks: whether any token is scored, and whether the end of an answer is.

A run whose labels are all masked finishes without an error and learns nothing. If no end of turn is
scored, the model never learns to stop.
"""

from collections.abc import Iterator, Mapping, Sequence

from lockfiles.errors import DataRefused
from planner.data.checks.beyond import Beyond
from planner.data.checks.finding import Finding, Severity
from planner.data.checks.wording import rows_have
from planner.data.isolation.client import Tokens
from planner.data.rows.rows import Message, Row
from planner.data.tokens.encode import NEED_VARIANT, NoAnswer, whole_rows
from planner.data.tokens.left_out import Kind, LeftOut
from planner.data.tokens.template import ChatTemplate
from planner.data.tokens.tokenizer import Tokenizer
from planner.data.tokens.training_template import variant
from planner.data.tokens.xray import last_scored

_LEFT_OUT: dict[Kind, tuple[Severity, str]] = {
    "tools": ("warning", "set a template that prints tools, or describe them in a system message"),
    "reasoning": ("note", ""),
    "function": ("note", ""),
    "prompt": (
        "warning",
        "generate without that text, such as with `enable_thinking` set to false, or add reasoning "
        "to the answers",
    ),
}
"""By what a template leaves out: how severe it is, and what to do."""
NAMED = 40
"""Characters of a template's message that a finding quotes."""


class Masks:
    """A `Check` of rows as tokens; slower than the others."""

    def __init__(
        self,
        template: ChatTemplate,
        tokenizer: Tokenizer,
        vocabulary: int = 0,
    ) -> None:
        """`vocabulary` are the rows of the model's embedding, 0 if unknown."""
        self._own, self._template, self._tokenizer = template, template, tokenizer
        self._seen = 0
        self._refused: dict[int, str] = {}
        self._unscored: list[int] = []
        self._unanswered: list[int] = []
        self._answered: list[int] = []
        self._ends = 0
        self._left_out = LeftOut()
        self._beyond = Beyond(tokenizer, vocabulary)

    def see(self, number: int, row: Row) -> None:
        """Look at one row. Raises TemplateRunsAway, which ends the check."""
        self.see_rows([number], [row])

    def see_rows(self, numbers: Sequence[int], rows: Sequence[Row]) -> list[int | None]:
        """Look at rows and return the number of tokens of each; None for a row that is refused, and
        where only the training variant of the template renders it.

        Raises as `see`.
        """
        found = self._seen_through(rows)
        for number, row, one in zip(numbers, rows, found, strict=True):
            self._keep(number, row, one)
        own = self._template is self._own
        return [len(one.ids) if own and isinstance(one, Tokens) else None for one in found]

    def see_texts(self, rows: Mapping[int, Row]) -> None:
        """Look at the texts of rows, by number, whose tokens are not looked at."""
        self._beyond.see_texts(rows)

    def _keep(self, number: int, row: Row, found: Tokens | DataRefused) -> None:
        self._seen += 1
        if isinstance(found, NoAnswer):
            self._unanswered.append(number)
        elif isinstance(found, DataRefused):
            self._refused[number] = found.message
        else:
            self._keep_tokens(number, row, found)

    def _keep_tokens(self, number: int, row: Row, found: Tokens) -> None:
        self._left_out.see(number, found.notes)
        self._beyond.see(number, found.ids)
        if not any(found.scored):
            self._unscored.append(number)
        elif answer := _answer(row).strip():
            self._answered.append(number)
            self._ends += not last_scored(found).rstrip().endswith(answer)

    def _seen_through(self, rows: Sequence[Row]) -> list[Tokens | DataRefused]:
        """Return the tokens of rows; with the training variant if the template rewrites turns."""
        found = whole_rows(rows, self._template, self._tokenizer)
        first = next((n for n, one in enumerate(found) if isinstance(one, NEED_VARIANT)), None)
        other = variant(self._template) if first is not None else None
        if first is None or not other:
            return found
        self._template = other
        return found[:first] + whole_rows(rows[first:], other, self._tokenizer)

    def findings(self) -> Iterator[Finding]:
        """Yield the findings."""
        if self._refused:
            first = next(iter(self._refused.values()))
            yield Finding(
                "template", "refused", tuple(self._refused),
                f"The model's chat template cannot render {len(self._refused):,} of "
                f"{self._seen:,} rows: {first}",
                'remove those rows, or set another template (`template = "…"` under `[model]`)',
            )  # fmt: skip
        yield from self._beyond.findings()
        for kind, said in self._left_out.sentences():
            rows, severity, fix = self._left_out.rows[kind], *_LEFT_OUT[kind]
            yield Finding(f"left-out-{kind}", severity, rows, said, fix)
        if self._unanswered:
            yield Finding(
                "no-scored-token", "refused", self._unanswered,
                f"{rows_have(len(self._unanswered), self._seen)} an answer without text, of which "
                "only the end token would be scored.",
                "remove those rows, or add the answer",
            )  # fmt: skip
        if self._unscored:
            yield Finding(
                "no-scored-token", "refused", self._unscored,
                f"{rows_have(len(self._unscored), self._seen)} no scored token, so nothing would "
                "be learned.",
                "remove those rows, or add an answer to them",
            )  # fmt: skip
        if self._answered and not self._ends:
            yield Finding(
                "end-never-scored", "refused", (),
                "No row scores a token after its answer, so the model would never learn to stop.",
                'set a template that ends each answer (`template = "…"` under `[model]`)',
                count=len(self._answered),
            )  # fmt: skip


def _answer(row: Row) -> str:
    """Return the last scored answer; empty without one."""
    answers = (turn.content for turn in reversed(row.messages) if _is_scored(turn))
    return next(answers, "")


def _is_scored(turn: Message) -> bool:
    return turn.role == "assistant" and turn.scored
