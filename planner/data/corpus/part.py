"""The recipe for a corpus, and its splits."""

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
    """How to make a corpus from files."""

    format: str
    """The name of a format, or `auto` to recognize it."""
    columns: dict[str, str] | None
    """The `prompt` and `completion` columns, if a person mapped them; those of a classification may
    be empty, and are recognized then."""
    system: str
    """The system message for rows without their own; empty adds none."""
    fraction: float
    """Share of the training file to split off if there is no validation file, 0 to 0.5."""
    seed: int
    """Seed for the choice of validation rows and of general rows."""
    max_length: int
    """Tokens to which training rows are truncated; 0 means the longest row of the training file, at
    most the context."""
    context: int
    """The model's context, in tokens."""
    mending: Mending = field(default_factory=Mending)
    """Which rows are dropped or changed."""
    split_by: SplitBy | None = None
    """How validation rows are split off; None for the best way."""
    general_share: float = 0.0
    """Requested share of general rows among all training rows, 0 to 0.5."""
    objective: ObjectiveName = NAMES[0]
    """The objective that the rows are for."""
    roles: tuple[str, ...] = ()
    """The roles of speakers whose names are not understood, as `npc=assistant`."""


@dataclass(frozen=True)
class Part:
    """One split: its rows, also as tokens."""

    split: SplitName
    source: SplitName
    """The file that the rows come from: `validation` may come from `train`."""
    format: str
    rows: tuple[Row, ...]
    encoded: tuple[Example, ...]
    """The rows as tokens; all but test rows are truncated."""
    numbers: tuple[int, ...]
    """The number of each row in its file, from 0."""

    @property
    def sha256(self) -> str:
        """Digest of the canonical rows."""
        return rows_sha256(self.rows)

    @property
    def tokens_sha256(self) -> str:
        """Digest of the token ids and loss masks."""
        return stream_sha256(self.encoded)
