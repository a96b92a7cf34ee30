"""A line of a table: one side of the comparison, to be run in a process of its own."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

WARM = 3
"""Steps that are left out."""
TOKENS = 1000
"""From here on `step` is in tokens, below it in rows."""
SHORTER = 16
"""By what the rows and steps of tiny models are shorter."""


@dataclass(frozen=True)
class Line:
    """`SIDE MODEL METHOD ROWS [KEY=VALUE ...]`."""

    text: str
    """The line itself, its name in a file of results."""

    @property
    def side(self) -> str:
        """What is run: `guide`, `trl`, `chosen`, `hand` or `unsloth`."""
        return self._words[0]

    @property
    def model(self) -> str:
        """The last part of a model's name in the catalogue."""
        return self._words[1]

    @property
    def method(self) -> str:
        """`lora`, `qlora` or `full`."""
        return self._words[2]

    @property
    def rows(self) -> str:
        """The lengths of its rows: `chat` or `gsm8k`."""
        return self._words[3]

    @property
    def step_rows(self) -> int:
        """Of `chosen` and `hand`: the rows of a step; 0 where its tokens are given."""
        return 0 if self._step >= TOKENS else self._step

    @property
    def step_tokens(self) -> int:
        """Of `chosen` and `hand`: the tokens of a step; 0 where its rows are given."""
        if self._step < TOKENS:
            return 0
        return self._step // SHORTER if self.tiny else self._step

    @property
    def most_tokens(self) -> int:
        """Of `hand`: the most tokens of a pass."""
        return int(self._value("pass", "32768"))

    @property
    def layers(self) -> int:
        """Of `chosen`: how many layers the model is made with; 0 for all that it has."""
        return int(self._value("layers", "0"))

    def seconds(self, steps: int) -> float:
        """Return about how long it takes to start (`start`) and to make its steps (`each`), the
        measured ones and those that are left out."""
        start, each = self._value("start", "20"), self._value("each", "1.5")
        return float(start) + (WARM + steps) * float(each)

    @property
    def profiled(self) -> bool:
        """Of `chosen`: whether one more step is profiled."""
        return "profile" in self._words

    @property
    def tiny(self) -> bool:
        """Whether the model is a tiny one of the same family with short rows, for a CPU."""
        return "tiny" in self._words

    @property
    def _step(self) -> int:
        return int(self._value("step", "16"))

    @property
    def _words(self) -> list[str]:
        return self.text.split()

    def _value(self, key: str, usual: str) -> str:
        found = dict(word.partition("=")[::2] for word in self._words if "=" in word)
        return found.get(key, usual)


def lines(table: Path) -> Iterator[str]:
    """Yield the lines of a table, without comments."""
    for text in table.read_text("utf-8").splitlines():
        if text.strip() and not text.startswith("#"):
            yield text
