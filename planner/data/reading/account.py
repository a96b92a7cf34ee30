"""The account of a file: which keys and columns became what, and which are not used."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

MOST_KEYS = 500
"""Distinct keys that are counted by name; all others count together."""
_MANY = "other keys"
_KEY_CHARS = 60


@dataclass(frozen=True)
class Key:
    """One key or column of a file."""

    path: str
    """Its place, such as `messages[].weight` or `source`."""
    became: str
    """What it is used for, such as `loss mask`; empty if it is not used."""
    count: int
    """Rows that have it, or for a key inside turns, turns; empty values do not count."""
    texts: int = 0
    """Of these, how many hold text that may belong to a turn."""
    bad: int = 0
    """Of these, how many may call the answer bad; 0 if some say nothing of it."""


class Account:
    """Counts the keys of the rows of a file while they are read."""

    def __init__(self) -> None:
        self._used: dict[tuple[str, str], list[int]] = {}
        self._left: dict[str, list[int]] = {}
        self._plain: list[tuple[tuple[str, str], tuple[str, str], list[int]]] = []

    def plain(self, speaker: str, content: str) -> list[int]:
        """Return a count of turns that have nothing but a speaker and a text, from 0."""
        self.counter(speaker, "role")
        self.counter(content, "text")
        count = [0]
        self._plain.append(((speaker, "role"), (content, "text"), count))
        return count

    def counter(self, path: str, became: str) -> list[int]:
        """Return the count of a key that is used, as a list of one number to add to."""
        key = (path[:_KEY_CHARS], became)
        if key not in self._used and len(self._used) >= MOST_KEYS:
            key = (_MANY, became)
        return self._used.setdefault(key, [0])

    def use(self, path: str, became: str) -> None:
        """Count a key that is used."""
        self.counter(path, became)[0] += 1

    def leave(self, path: str, *, text: bool = False, good: bool | None = None) -> None:
        """Count a key that is not used; `text` says that it may belong to a turn, and `good`
        whether it calls the answer good, if it may."""
        counts = self.left(path)
        counts[0] += 1
        counts[1] += text
        counts[2] += good is False
        counts[3] += good is None

    def left(self, path: str) -> list[int]:
        """Return the counts of a key that is not used: of values, of those that are texts, of
        those that may call the answer bad, and of those that say nothing of it."""
        path = path[:_KEY_CHARS]
        if path not in self._left and len(self._left) >= MOST_KEYS:
            path = _MANY
        return self._left.setdefault(path, [0, 0, 0, 0])

    @property
    def keys(self) -> tuple[Key, ...]:
        """The keys that were used, then those that were not, in the order of the file."""
        return (*self._used_keys(), *self._left_keys())

    def _used_keys(self) -> Iterator[Key]:
        plain = Counter[tuple[str, str]]()
        for speaker, content, (count,) in self._plain:
            plain[speaker] += count
            plain[content] += count
        for key, (count,) in self._used.items():
            if count + plain[key]:
                yield Key(*key, count + plain[key])

    def _left_keys(self) -> Iterator[Key]:
        for path, (count, texts, bad, other) in self._left.items():
            if count:
                yield Key(path, "", count, texts, 0 if other else bad)
