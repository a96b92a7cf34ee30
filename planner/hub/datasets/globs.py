"""File name patterns of dataset cards; they are untrusted, so matching has bounded time.

The rules are those of fsspec, which the library `datasets` uses: `*`, `?` and `[...]` match within
one part of a path, and `**` any number of parts. fsspec's own regular expressions can take years.
"""

import fnmatch
import posixpath
import re
from collections.abc import Callable
from functools import cache, lru_cache

_MAGIC = re.compile(r"[*?[]")
_PLAIN = re.compile(r"[*?[/]")
"""Splits a pattern around its literal text."""
_LONGEST = 1000
"""Most characters of a pattern."""
_SET = re.compile(r"\[[^/]*?\]")


class NoPattern(ValueError):
    """A pattern that can match no file of the repository."""


def is_pattern(text: str) -> bool:
    """Return whether a text is a pattern, and not a single name."""
    return _MAGIC.search(text) is not None


def matcher(pattern: str) -> Callable[[str], bool]:
    """Return a function that matches paths against a pattern. Raises NoPattern."""
    if (
        len(pattern) > _LONGEST
        or "://" in pattern
        or "::" in pattern
        or pattern.startswith(("/", ".."))
    ):
        raise NoPattern(pattern)
    pattern = posixpath.normpath(pattern)
    if not is_pattern(pattern):
        return pattern.__eq__
    parts = tuple(pattern.split("/"))
    if any("**" in part and part != "**" for part in parts):
        raise NoPattern(pattern)
    literal = max(_PLAIN.split(_SET.sub("*", pattern)), key=len)
    return lambda name: literal in name and _fits(parts, tuple(name.split("/")))


def _fits(parts: tuple[str, ...], names: tuple[str, ...]) -> bool:
    @cache
    def fits(part: int, name: int) -> bool:
        if part == len(parts):
            return name == len(names)
        if parts[part] == "**":
            if part == len(parts) - 1:
                return name < len(names) or not part
            return any(fits(part + 1, later) for later in range(name, len(names)))
        return (
            name < len(names) and _part_fits(parts[part], names[name]) and fits(part + 1, name + 1)
        )

    return fits(0, 0)


def _part_fits(part: str, name: str) -> bool:
    return _expression(part).match(name) is not None


@lru_cache(maxsize=512)
def _expression(part: str) -> re.Pattern[str]:
    return re.compile(fnmatch.translate(part))
