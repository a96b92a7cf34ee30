"""What a lock must know of an engine."""

from dataclasses import dataclass
from typing import Literal

Offload = Literal["none", "optimizer", "all"]
"""What is kept in main memory: nothing, the optimizer's states, or the weights too."""


@dataclass(frozen=True)
class Engine:
    """One way to spread a training over processes, as far as a lock holds it."""

    least_processes: int = 1
    """Processes that it needs."""
    most_processes: int | None = None
    """Processes that it can have; None for any number."""
    copies: bool = False
    """Whether each of several processes holds the model, and only gradients travel."""
    offloads: tuple[Offload, ...] = ()
    """What it can offload to main memory."""
    answers: tuple[str, ...] = ()
    """The keys of the questions that it asks in the interview (`planner.parallelism`)."""
    packages: frozenset[str] = frozenset()
    """Packages that it needs besides those of every training, and that can change its numbers."""
    graphs: bool = False
    """Whether passes can be recorded as CUDA graphs."""
    compiles: bool = True
    """Whether layers can be compiled."""
    since: int = 0
    """The first revision of locks that can hold it (`lockfiles.tables`)."""

    def takes(self, processes: int) -> bool:
        """Return whether it can have this many processes."""
        most = self.most_processes or processes
        return self.least_processes <= processes <= most
