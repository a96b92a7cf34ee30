"""Where what was read of the Hub is kept between plans."""

import os
from pathlib import Path


def cache_folder() -> Path:
    """Return the folder of this program in the user's cache; it may not be there yet."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "tunelock"
