"""Downloads a dataset on the Hub, by the reference that a person gives."""

from importlib.util import find_spec
from pathlib import Path

from planner.data.files.parquet_rows import unreadable
from planner.hub.datasets.contents import Look, Say, looking
from planner.hub.datasets.fetch import fetch
from planner.hub.datasets.reference import parse
from planner.hub.datasets.resolve import HubSplit, resolve
from planner.hub.files import Told, size

_PARTS = 10
"""Most progress reports of a download."""


def local(
    name: str, use: str, say: Say = lambda sentence: None, look: Look | None = None
) -> tuple[HubSplit, Path]:
    """Return the split of the reference `name` on the Hub, with all digests, and its local folder.

    `use` is the default split. Pass the same `look` (from `looking(say)`) for several names that
    must resolve to the same commit. Raises as `parse`, `resolve` and `fetch` do, and UsageProblem
    before downloading files that need a missing package.
    """
    found = resolve(parse(name), use, look or looking(say))
    if found.files[0].name.endswith(".parquet") and not find_spec("pyarrow"):
        raise unreadable(found)
    return fetch(found, telling(str(found), say))


def telling(what: str, say: Say) -> Told:
    """Return a progress callback that reports a download in sentences, if there is one."""
    next_part = 0

    def told(done: int, total: int) -> None:
        nonlocal next_part
        part = done * _PARTS // max(total, 1)
        if done < total and part >= next_part:
            far = f"… {size(done)} of {size(total)}"
            say(far if next_part else f"downloading {size(total - done)} of `{what}`")
            next_part = part + 1

    return told
