"""The cache of Hub metadata between plans."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lockfiles.errors import UsageProblem
from lockfiles.fixes import Command


def cache_folder() -> Path:
    """Return this program's folder in the user's cache; it may not exist yet."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "tunelock"


@contextmanager
def writing(place: Path) -> Iterator[None]:
    """Convert errors of writing to the cache to a UsageProblem."""
    try:
        yield
    except OSError as problem:
        raise UsageProblem(
            f"`{place}` cannot be written: {problem.strerror}.",
            fix=Command("export XDG_CACHE_HOME=/a/folder/that/you/can/write"),
        ) from None
