"""Patterns of file names as cards have them: a stranger's, so no pattern takes long to match.

The rules are those of fsspec, which the library `datasets` uses: `*`, `?` and `[...]` stay in one
part of a path, and `**` is any number of parts. Its regular expressions can take years, though.
"""

import fnmatch
import posixpath
import re
from collections.abc import Callable
from functools import cache, lru_cache

_MAGIC = re.compile(r"[*?[]")
_PLAIN = re.compile(r"[*?[/]")
"""What stands around text that every name has."""
_LONGEST = 1000
"""Characters of a pattern, at most."""
_SET = re.compile(r"\[[^/]*?\]")


class NoPattern(ValueError):
    """A pattern that can match no file of the repository."""


def is_pattern(text: str) -> bool:
    """Return whether a text stands for any number of names, and not for one."""
    return _MAGIC.search(text) is not None


def matcher(pattern: str) -> Callable[[str], bool]:
    """Return whether a path is one that a pattern means. Raises NoPattern."""
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
