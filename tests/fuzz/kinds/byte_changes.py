"""A valid lock with bytes changed, as a bad disk or a careless editor would."""

from pathlib import Path
from random import Random

from tests.fuzz.bases import Base
from tests.fuzz.kinds.lock_case import judged
from tests.fuzz.pool import Verdict
from tests.fuzz.spoiled import spoiled

COUNT = 20_000
SHORT = 20


class Kind:
    """The cases of this kind."""

    def __init__(self, home: Path, bases: list[Base], seed: int) -> None:
        self._home, self._bases, self._seed = home, bases, seed

    def case(self, number: int, place: int) -> Verdict:
        """Return the verdict of one case."""
        random = Random(f"bytes {self._seed} {number}")
        base = self._bases[number % len(self._bases)]
        content, what = spoiled(random, base.text.encode())
        return judged(self._home / str(place), base, content, what)
