"""How the processes of an evaluation share its work, item by item.

An item is the same whoever works on it, and results are returned in the order of the items. So
what is computed from them does not depend on the number of processes.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from runner.engines.ranks import Alone, Ranks

T = TypeVar("T")


@dataclass(frozen=True)
class Turns:
    """The part of this process in an evaluation."""

    ranks: Ranks = field(default_factory=Alone)
    holders: int = 1
    """How many processes hold the model: the first ones. The others only gather results."""

    @property
    def holds(self) -> bool:
        """Whether this process holds the model."""
        return self.ranks.rank < self.holders

    def over(self, items: Sequence[T], work: Callable[[T], Any]) -> Iterator[list[Any]]:
        """Yield the results of each turn, in which every holder works on one item.

        A collective call: every process gets the results of all, in the order of the items. They
        are JSON values; a float keeps all of its bits.
        """
        for first in range(0, len(items), self.holders):
            turn = items[first : first + self.holders]
            own = work(turn[self.ranks.rank]) if self.ranks.rank < len(turn) else None
            yield self._gathered(own)[: len(turn)]

    def _gathered(self, own: Any) -> list[Any]:
        content = json.dumps(own).encode()
        sizes = [size for (size,) in self.ranks.gathered([len(content)])]
        padded = list(content.ljust(max(sizes)))
        return [json.loads(bytes(one)) for one in self.ranks.gathered(padded)]
