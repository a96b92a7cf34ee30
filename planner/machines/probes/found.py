"""The result of probing cards."""

from dataclasses import dataclass, field

from planner.machines.facts import CardLinks, Gpu


@dataclass(frozen=True)
class Found:
    """The cards of one vendor."""

    gpus: tuple[Gpu, ...] = ()
    """The cards that are visible to a process, in order."""
    driver: str = ""
    """The driver's version; empty without one."""
    problem: str = ""
    """Why existing cards cannot be used, as sentences; empty if there is no problem."""
    links: CardLinks = field(default_factory=CardLinks)
    """What connects the cards."""
