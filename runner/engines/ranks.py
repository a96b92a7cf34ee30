"""The processes that train together, as one of them sees the others."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

PEER_LOST = 71
"""The exit code of a process that ended because another one of its training had ended."""


class Ranks(Protocol):
    """One process of a training, and its way to the others."""

    @property
    def rank(self) -> int:
        """This process's number, from 0; process 0 writes files and sends events."""

    @property
    def count(self) -> int:
        """The number of processes."""

    def gathered(self, values: Sequence[int]) -> list[list[int]]:
        """Return the values of each process, by rank; every process calls it with as many."""

    def wait(self) -> None:
        """Wait until every process has come here."""


@dataclass(frozen=True)
class Alone:
    """The one process of a training that is not spread."""

    rank: int = 0
    count: int = 1

    def gathered(self, values: Sequence[int]) -> list[list[int]]:
        """Return this process's own values."""
        return [list(values)]

    def wait(self) -> None:
        """Wait for nobody."""
