"""What a rehearsal runs, and what it measures."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from planner.data.tokens.example import Example
from planner.search.rehearsal import PHASES, Measured
from planner.setup.setup import Profile

__all__ = ["PHASES", "Case", "Measured"]


@dataclass(frozen=True)
class Case:
    """One plan, to be run with random weights."""

    name: str
    """What reports call it."""
    config: Mapping[str, Any]
    """The model's `config.json`."""
    profile: Profile
    """The plan, as far as memory depends on it."""
    accumulation: int = 1
    """Micro-batches of an optimizer step, at least 1."""
    rows: tuple[Example, ...] = ()
    """Rows of one micro-batch, repeated, or of a whole step where the profile packs; empty for
    made-up ones of the profile's length."""
    steps: int = 3
    """Optimizer steps, at least 2: the optimizer's states exist from the second one on."""
    evaluate: bool = True
    """Whether an evaluation of one micro-batch follows."""
    held_out: tuple[Example, ...] = ()
    """Rows of that micro-batch; empty for as many of those of training."""
    cap_bytes: int = 0
    """Memory of a smaller card to simulate, all that a process takes of it; 0 for the real one."""
    times_host: bool = False
    """Whether the speed of a card's host is measured too, afterwards."""
    objective: Mapping[str, Any] = field(default_factory=dict)
    """The settings of the lock's objective, besides its name."""
