"""Selects the files of a split that contain rows, and checks that they can be read."""

import posixpath
from collections import Counter
from collections.abc import Sequence

from planner.data.reading.read import READERS

_KINDS = (
    frozenset([".parquet", ".geoparquet", ".gpq"]),
    frozenset([".jsonl", ".json", ".ndjson"]),
    frozenset([".csv", ".tsv"]),
)
"""The extensions that each reader of the library `datasets` accepts."""
_ORDER = (".csv", ".json", ".jsonl", ".arrow", ".parquet")
"""For equally frequent extensions, the last of these is used."""
_OTHERS = frozenset(
    [".arrow", ".txt", ".tar", ".xml", ".hdf5", ".h5", ".lance", ".vortex", ".zip", ".conll",
     ".conllu", ".eval", ".toml", ".png", ".jpg", ".jpeg", ".gif", ".bmp", ".tif", ".tiff",
     ".webp", ".wav", ".mp3", ".flac", ".ogg", ".m4a", ".mp4", ".avi", ".mkv", ".mov", ".webm",
     ".pdf", ".nii"]
)  # fmt: skip
"""Extensions that only the library reads."""
_ABOUT_OTHERS = frozenset(["metadata.csv", "metadata.jsonl", "metadata.parquet"])
"""Metadata files of image and audio datasets."""


class Unreadable(Exception):
    """A dataset whose files cannot be read; its text follows `cannot be read: `."""


def row_files(files: Sequence[str]) -> tuple[str, ...]:
    """Return the files of a split with its rows: those of its most frequent type, as in `datasets`.

    Raises Unreadable, which names a file, if the type is not supported.
    """
    counted = [one for one in files if posixpath.basename(one) not in _ABOUT_OTHERS] or files
    counts = Counter(ending for name in counted for ending in _endings(name))
    known = [ending for ending in counts if ending in _OTHERS or _kind(ending)]
    if not known:
        raise Unreadable("it has no data files")
    kind = _kind(max(known, key=lambda ending: (counts[ending], _preferred(ending), ending)))
    found = tuple(name for name in files if kind & set(_endings(name)))
    unread = [name for name in found or files if posixpath.splitext(name)[1].lower() not in READERS]
    if unread or not found:
        named = (unread or files)[0]
        raise Unreadable(f"`{named}` is not JSONL, JSON, CSV or Parquet")
    return found


def _endings(name: str) -> list[str]:
    return [f".{part.lower()}" for part in posixpath.basename(name).split(".")[1:]]


def _kind(ending: str) -> frozenset[str]:
    return next((kind for kind in _KINDS if ending in kind), frozenset())


def _preferred(ending: str) -> int:
    return _ORDER.index(ending) if ending in _ORDER else -1
