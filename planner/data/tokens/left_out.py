"""What a chat template leaves out of rows that can still be trained on."""

from collections.abc import Iterable, Iterator
from typing import Literal

from lockfiles.harmless import one_line
from planner.data.rendering.spans import UNSAID

Kind = Literal["tools", "reasoning", "function", "prompt"]
KINDS: dict[Kind, str] = {
    "tools": "The chat template does not print `tools` in {rows}: the model learns to call "
    "functions whose definitions it does not see.",
    "reasoning": "The chat template drops reasoning of earlier turns in {rows}, such as {example}.",
    "function": "The chat template does not print the name of the only function in {rows}.",
    "prompt": "The chat template asks for an answer with a text that ends in {example}, which "
    "answers in {rows} do not begin with: the model learns to answer without it.",
}
"""By kind, a sentence about it; `{rows}` is a number of rows, and `{example}` a part of one."""


def kind_of(part: str) -> Kind:
    """Return the kind of a part that was left out, such as `tools[0].function.name`."""
    if part.startswith("`tools"):
        return "tools"
    if part.startswith(UNSAID):
        return "prompt"
    return "function" if ".function.name`" in part else "reasoning"


class LeftOut:
    """Counts the rows of a file that lack parts."""

    def __init__(self) -> None:
        self.seen = 0
        self.rows: dict[Kind, list[int]] = {kind: [] for kind in KINDS}
        self._examples: dict[Kind, str] = {}

    def see(self, number: int, parts: Iterable[str]) -> None:
        """Look at a row's number and the parts that it lacks."""
        self.seen += 1
        for part in parts:
            kind = kind_of(part)
            self._examples.setdefault(kind, one_line(part.removeprefix(UNSAID)))
            if self.rows[kind][-1:] != [number]:
                self.rows[kind].append(number)

    def sentences(self) -> Iterator[tuple[Kind, str]]:
        """Yield each kind that was found, with a sentence about it."""
        for kind, rows in self.rows.items():
            if rows:
                count = f"{len(rows):,} of {self.seen:,} rows"
                yield kind, KINDS[kind].format(rows=count, example=self._examples[kind])
