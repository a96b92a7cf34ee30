"""The case that a rehearsal runs, and its measurements."""

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
    """Its name in reports."""
    config: Mapping[str, Any]
    """The model's `config.json`."""
    profile: Profile
    """The part of the plan that memory depends on."""
    accumulation: int = 1
    """Micro-batches of an optimizer step, at least 1."""
    rows: tuple[Example, ...] = ()
    """The rows of one micro-batch, repeated, or with packing those of a complete step; empty for
    random ones of the profile's length."""
    steps: int = 3
    """Optimizer steps, at least 2: the optimizer's states exist only from the second one on."""
    evaluate: bool = True
    """Whether an evaluation of one micro-batch follows."""
    held_out: tuple[Example, ...] = ()
    """The rows of that micro-batch; empty to use training rows."""
    cap_bytes: int = 0
    """Memory of a smaller card to simulate, in bytes, with all that a process uses of it; 0 for the
    real card."""
    times_host: bool = False
    """Whether the speed of the host CPU is measured afterwards."""
    objective: Mapping[str, Any] = field(default_factory=dict)
    """The settings of the lock's objective, without its name."""
    every: bool = False
    """Whether `rows` are those of every step, in order, none of them repeated."""
    graph_sizes: tuple[int, ...] = ()
    """The sizes of recorded passes, ascending; empty for that of the greatest one."""
    parallel: Mapping[str, Any] = field(default_factory=dict)
    """How the processes of this machine share the work, as a lock's table; empty for one alone."""
    limit_seconds: float = 0.0
    """Seconds in which all steps but the first two must end; 0 without a limit."""
