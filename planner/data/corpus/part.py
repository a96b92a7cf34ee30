"""How rows become the splits of a run, and what a split is."""

from dataclasses import dataclass, field

from lockfiles.objectives import NAMES
from planner.data.corpus.split import SplitBy
from planner.data.mend.steps import Mending
from planner.data.rows.rows import Row, rows_sha256
from planner.data.rows.splits import SplitName
from planner.data.tokens.example import Example
from planner.data.tokens.stored import stream_sha256
from planner.objectives.registry import ObjectiveName


@dataclass(frozen=True)
class Recipe:
    """How rows become a corpus."""

    format: str
    """A format by name, or `auto` to recognise it."""
    columns: dict[str, str] | None
    """The `prompt` and `completion` columns where they are mapped by hand."""
    system: str
    """Put before each row without a system message; empty adds none."""
    fraction: float
    """Share of the training file split off where no validation file is given, 0 to 0.5."""
    seed: int
    """Chooses which rows are split off, and which general ones are mixed in."""
    max_length: int
    """Tokens that a training row is cut to; 0 takes the longest row of the training file, at most
    the context."""
    context: int
    """Tokens that the model can see."""
    mending: Mending = field(default_factory=Mending)
    """What is left out and changed."""
    split_by: SplitBy | None = None
    """How rows are split off; None for the best way."""
    general_share: float = 0.0
    """Share that general rows are to have of all training rows, 0 to 0.5."""
    objective: ObjectiveName = NAMES[0]
    """What learns from the rows."""


@dataclass(frozen=True)
class Part:
    """One split: its rows, and the same rows as tokens."""

    split: SplitName
    source: SplitName
    """The file that they came from: `validation` may come from `train`."""
    format: str
    rows: tuple[Row, ...]
    encoded: tuple[Example, ...]
    """Cut to the length where training sees them; test rows are whole."""
    numbers: tuple[int, ...]
    """Of each row in its file, from 0."""

    @property
    def sha256(self) -> str:
        """Of the canonical rows."""
        return rows_sha256(self.rows)

    @property
    def tokens_sha256(self) -> str:
        """Of the token ids and loss masks."""
        return stream_sha256(self.encoded)
