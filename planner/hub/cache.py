"""Where what was read of the Hub is kept between plans."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lockfiles.errors import UsageProblem
from lockfiles.fixes import Command


def cache_folder() -> Path:
    """Return the folder of this program in the user's cache; it may not be there yet."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "tunelock"


@contextmanager
def writing(place: Path) -> Iterator[None]:
    """Turn what keeps something in the cache from being written into one UsageProblem."""
    try:
        yield
    except OSError as problem:
        raise UsageProblem(
            f"`{place}` cannot be written: {problem.strerror}.",
            fix=Command("export XDG_CACHE_HOME=/a/folder/that/you/can/write"),
        ) from None
