"""A valid lock with values changed and its digests recomputed, as a stranger would write it.

The cases go over every key of every lock, tables and lists among them.
"""

import re
from pathlib import Path
from random import Random
from typing import Any

from lockfiles import lock as locks
from tests.fuzz.bases import Base, text_of
from tests.fuzz.hostile import changed, nodes, words
from tests.fuzz.kinds.lock_case import judged
from tests.fuzz.pool import Verdict

COUNT = 5_000
SHORT = 30


def literals() -> list[Any]:
    """Return the values of every closed set that a lock knows."""
    texts = (path.read_text("utf-8") for path in Path(str(locks.__file__)).parent.glob("*.py"))
    return sorted({word for text in texts for word in re.findall(r'"([a-z0-9_-]{2,40})"', text)})


class Kind:
    """The cases of this kind."""

    def __init__(self, home: Path, bases: list[Base], seed: int) -> None:
        self._home, self._bases, self._seed = home, bases, seed
        self._places = [
            (base, at) for base in bases for at in nodes(base.tables) if at[0] != "integrity"
        ]
        known = {repr(word): word for base in bases for word in words(base.tables)}
        self._known = [*known.values(), *literals()]
        Random(seed).shuffle(self._places)

    def changed(self, number: int) -> tuple[Base, str, str]:
        """Return a base, the text of the changed lock, and the change in words."""
        random = Random(f"values {self._seed} {number}")
        base, at = self._places[number % len(self._places)]
        tables, what = changed(random, base.tables, at, self._known)
        if random.random() < 0.15:
            try:
                other = random.choice(list(nodes(tables)))
                tables, more = changed(random, tables, other, self._known)
                what = f"{what}; {more}"
            except (KeyError, IndexError, TypeError):
                pass  # the first change took it away
        return base, text_of(tables), what

    def case(self, number: int, place: int) -> Verdict:
        """Return the verdict of one case."""
        base, text, what = self.changed(number)
        return judged(self._home / str(place), base, text.encode("utf-8", "replace"), what)
