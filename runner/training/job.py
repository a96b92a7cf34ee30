"""What a training needs, and what it leaves, whatever its objective."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from transformers import PreTrainedModel, PreTrainedTokenizerFast

from lockfiles.lock import Method, Parallel, Train
from lockfiles.objectives import NAMES
from lockfiles.objectives.objective import ObjectiveTable
from planner.data.tokens.example import Example
from runner.engines.ranks import Alone, Ranks
from runner.training.clock import Times

ONE = Parallel(engine="single", processes=1)
"""One process."""
DEFAULT = ObjectiveTable.model_construct(name=NAMES[0])
"""The objective of a job that names none."""


@dataclass(frozen=True)
class Job:
    """Everything that the training of one lock needs."""

    base: Path
    """Folder of the base model."""
    rows: Sequence[Example]
    validation: Sequence[Example]
    """Empty without any."""
    order: Callable[[int], Sequence[int]]
    """Epoch (from 0) to the order of the row numbers."""
    method: Method
    train: Train
    work: Path
    """Where checkpoints are kept; training resumes from the last one that is already there."""
    packing: bool = False
    """Whether the rows of a step are packed."""
    predicted_bytes: int = 0
    """The peak memory that the plan predicts, reported next to the measured one."""
    pad_id: int | None = None
    """The padding token; None for the tokenizer's own."""
    ranks: Ranks = field(default_factory=Alone)
    """This process among those that train together."""
    parallel: Parallel = ONE
    """How they share the training."""
    objective: ObjectiveTable = DEFAULT
    """What the loss teaches, with its settings."""
    padding: PreTrainedTokenizerFast | None = None
    """The tokenizer that pads; None for the base model's."""
    check_base: Callable[[], None] = lambda: None
    """Called before the first step; raises if the base model is not the locked one."""
    reference: Callable[[], PreTrainedModel] | None = None
    """Makes the second model of an objective that has one; None loads the base model again."""

    @property
    def longest(self) -> int:
        """Tokens of the longest training row."""
        return max(row.length for row in self.rows)

    @property
    def longest_of_all(self) -> int:
        """The same over training and validation rows."""
        return max(row.length for row in (*self.rows, *self.validation))


@dataclass(frozen=True)
class Result:
    """The result of a training."""

    folder: Path
    """The adapter's folder, or the full model's."""
    steps: int
    stopped: bool
    """True if a stop was requested before the end; a checkpoint was saved."""
    peak_bytes: int
    """Peak memory of the training: the greatest over all of its processes."""
    step_seconds: float
    """Median seconds of an optimizer step of this process; 0 if it made none."""
    times: Times = field(default_factory=Times)
    """The seconds of this process's steps, evaluations and checkpoints."""
