"""Rows with tokens that the embedding of the model has no row for."""

from collections.abc import Iterator, Mapping, Sequence

from planner.data.checks.finding import Finding
from planner.data.checks.wording import rows_have
from planner.data.rows.rows import Row
from planner.data.tokens import beyond
from planner.data.tokens.tokenizer import Tokenizer


class Beyond:
    """`beyond-embedding`: such rows, which training refuses."""

    def __init__(self, tokenizer: Tokenizer, vocabulary: int) -> None:
        """`vocabulary` are the rows of the embedding; with 0 nothing is found."""
        self._tokenizer, self._vocabulary = tokenizer, vocabulary
        self._added = beyond.texts(tokenizer, vocabulary) if vocabulary else {}
        self._rows: list[int] = []
        self._seen = self._greatest = 0

    def see(self, number: int, ids: Sequence[int]) -> None:
        """Look at the tokens of a row."""
        self._keep(number, max(ids, default=0))

    def see_texts(self, rows: Mapping[int, Row]) -> None:
        """Look for added tokens in the texts of rows, by number."""
        for number, row in rows.items():
            said = [turn.content for turn in (*row.messages, *row.rejected)] if self._added else []
            found = (one for one, text in self._added.items() if any(text in turn for turn in said))
            self._keep(number, max(found, default=0))

    def _keep(self, number: int, greatest: int) -> None:
        self._seen += 1
        if self._vocabulary and greatest >= self._vocabulary:
            self._rows.append(number)
            self._greatest = max(self._greatest, greatest)

    def findings(self) -> Iterator[Finding]:
        """Yield one finding if there are such rows."""
        if self._rows:
            text = beyond.named(self._tokenizer, self._greatest)
            yield Finding(
                "beyond-embedding", "refused", sorted(self._rows),
                f"{rows_have(len(self._rows), self._seen)} tokens that the model's embedding has "
                f"no row for: `{text}` has the id {self._greatest}, but the embedding has "
                f"{self._vocabulary:,} rows (`vocab_size` in its `config.json`).",
                "copy the tokenizer's files and `config.json` from the same model",
            )  # fmt: skip
