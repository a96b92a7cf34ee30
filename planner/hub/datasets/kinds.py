"""Which of a split's files hold its rows, and whether they can be read here."""

import posixpath
from collections import Counter
from collections.abc import Sequence

from planner.data.reading.read import READERS

_KINDS = (
    frozenset([".parquet", ".geoparquet", ".gpq"]),
    frozenset([".jsonl", ".json", ".ndjson"]),
    frozenset([".csv", ".tsv"]),
)
"""The endings that one reader of the library `datasets` takes."""
_ORDER = (".csv", ".json", ".jsonl", ".arrow", ".parquet")
"""Where endings are equally common, the last of these counts."""
_OTHERS = frozenset(
    [".arrow", ".txt", ".tar", ".xml", ".hdf5", ".h5", ".lance", ".vortex", ".zip", ".conll",
     ".conllu", ".eval", ".toml", ".png", ".jpg", ".jpeg", ".gif", ".bmp", ".tif", ".tiff",
     ".webp", ".wav", ".mp3", ".flac", ".ogg", ".m4a", ".mp4", ".avi", ".mkv", ".mov", ".webm",
     ".pdf", ".nii"]
)  # fmt: skip
"""What the library reads, and nothing here."""
_ABOUT_OTHERS = frozenset(["metadata.csv", "metadata.jsonl", "metadata.parquet"])
"""What describes pictures or sounds beside it."""


class Unreadable(Exception):
    """A dataset whose files are not read here; its text goes on from `cannot be read: `."""


def row_files(files: Sequence[str]) -> tuple[str, ...]:
    """Return the files of a split that hold its rows: those of its commonest kind, as there.

    Raises Unreadable, which names one, where they are of a kind that is not read here.
    """
    counted = [one for one in files if posixpath.basename(one) not in _ABOUT_OTHERS] or files
    counts = Counter(ending for name in counted for ending in _endings(name))
    known = [ending for ending in counts if ending in _OTHERS or _kind(ending)]
    if not known:
        raise Unreadable("it holds no data files")
    kind = _kind(max(known, key=lambda ending: (counts[ending], _preferred(ending), ending)))
    found = tuple(name for name in files if kind & set(_endings(name)))
    unread = [name for name in found or files if posixpath.splitext(name)[1].lower() not in READERS]
    if unread or not found:
        named = (unread or files)[0]
        raise Unreadable(f"`{named}` is no JSONL, JSON, CSV or Parquet")
    return found


def _endings(name: str) -> list[str]:
    return [f".{part.lower()}" for part in posixpath.basename(name).split(".")[1:]]


def _kind(ending: str) -> frozenset[str]:
    return next((kind for kind in _KINDS if ending in kind), frozenset())


def _preferred(ending: str) -> int:
    return _ORDER.index(ending) if ending in _ORDER else -1
