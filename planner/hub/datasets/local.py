"""Rows by the name that a person gives them: where they lie here, fetched where they did not."""

from importlib.util import find_spec
from pathlib import Path

from planner.data.files.parquet_rows import unreadable
from planner.hub.datasets.contents import Look, Say, looking
from planner.hub.datasets.fetch import fetch
from planner.hub.datasets.reference import parse
from planner.hub.datasets.resolve import HubSplit, resolve
from planner.hub.files import Told, size

_PARTS = 10
"""How often the progress of a download is told, at most."""


def local(
    name: str, use: str, say: Say = lambda sentence: None, look: Look | None = None
) -> tuple[HubSplit, Path]:
    """Return the split that `name` is on the Hub, every digest known, and its folder here.

    `use` is the split that is meant where the name has none. `look` is `looking(say)` where
    several names are to be of the same commit. Raises what `parse`, `resolve` and
    `fetch` raise, and UsageProblem before it fetches what nothing installed here reads.
    """
    found = resolve(parse(name), use, look or looking(say))
    if found.files[0].name.endswith(".parquet") and not find_spec("pyarrow"):
        raise unreadable(found)
    return fetch(found, telling(str(found), say))


def telling(what: str, say: Say) -> Told:
    """Return what tells of a download in sentences, and says nothing where all is there."""
    next_part = 0

    def told(done: int, total: int) -> None:
        nonlocal next_part
        part = done * _PARTS // max(total, 1)
        if done < total and part >= next_part:
            far = f"… {size(done)} of {size(total)}"
            say(far if next_part else f"fetching {size(total - done)} of `{what}`")
            next_part = part + 1

    return told
