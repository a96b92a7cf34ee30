"""What a probe of cards found."""

from dataclasses import dataclass

from planner.machines.facts import Gpu


@dataclass(frozen=True)
class Found:
    """The cards of one maker."""

    gpus: tuple[Gpu, ...] = ()
    """Those that a process is shown, in its order."""
    driver: str = ""
    """The driver's version; empty without one."""
    problem: str = ""
    """Why cards that are there cannot be used, in sentences; empty where nothing is wrong."""
