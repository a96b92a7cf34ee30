"""Divides the time of a training among its steps, evaluations and checkpoints."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Times:
    """The seconds of the parts of a training, of this process only."""

    steps: dict[int, float] = field(default_factory=dict)
    """By the number of each step, with the time to fetch its rows."""
    evaluations: list[float] = field(default_factory=list)
    saves: list[float] = field(default_factory=list)


class Clock:
    """Measures the parts of a training without gaps: each lasts since the end of the one before."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._ended: float | None = None
        self.times = Times()

    def start(self) -> None:
        """Start with the first step; later calls do nothing."""
        if self._ended is None:
            self._ended = self._now()

    def step(self, number: int) -> None:
        """End a step."""
        self.times.steps[number] = self._lap()

    def evaluation(self) -> None:
        """End an evaluation."""
        self.times.evaluations.append(self._lap())

    def save(self) -> None:
        """End the saving of a checkpoint."""
        self.times.saves.append(self._lap())

    def _lap(self) -> float:
        before, self._ended = self._ended, self._now()
        return 0.0 if before is None else self._ended - before


def mean(seconds: list[float]) -> float:
    """Return the mean; 0 of nothing."""
    return statistics.fmean(seconds) if seconds else 0.0
