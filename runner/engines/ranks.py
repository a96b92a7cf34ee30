"""The processes that run a stage together, from the view of one of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

PEER_LOST = 71
"""The exit code of a process that ended because another one of its group had ended."""


class Ranks(Protocol):
    """One process of a stage, and its communication with the others."""

    @property
    def rank(self) -> int:
        """This process's number, from 0; rank 0 writes files and sends events."""

    @property
    def count(self) -> int:
        """The number of processes."""

    def gathered(self, values: Sequence[int]) -> list[list[int]]:
        """Return the values of each process, by rank. A collective call, with as many values in
        every process."""

    def wait(self) -> None:
        """Wait until every process has reached this call."""


@dataclass(frozen=True)
class Alone:
    """The only process of a stage."""

    rank: int = 0
    count: int = 1

    def gathered(self, values: Sequence[int]) -> list[list[int]]:
        """Return this process's own values."""
        return [list(values)]

    def wait(self) -> None:
        """Return immediately."""
