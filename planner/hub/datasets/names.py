"""Assigns the files of a repository to splits by their names.

The rules are those of the library `datasets` (5.2, `data_files.py`), so that both use the same
rows.
"""

import posixpath
import re
from collections.abc import Iterable, Sequence

from planner.hub.datasets.globs import matcher

_KEYWORDS = {
    "train": ("train", "training"),
    "validation": ("validation", "valid", "dev", "val"),
    "test": ("test", "testing", "eval", "evaluation"),
}
_MARK = "[-._ 0-9]"
"""Separators around a keyword in a name."""
_FOLDERS = (
    "**/{word}/**",
    "**/{word}{mark}*/**",
    "**/*{mark}{word}/**",
    "**/*{mark}{word}{mark}*/**",
)
_FILES = ("**/{word}{mark}*", "**/*{mark}{word}{mark}*")
_FIVE = "[0-9]" * 5
_SHARD = f"data/{{split}}-{_FIVE}-of-{_FIVE}*.*"
_SHARD_NAME = re.compile(rf"(?P<split>.+)-{_FIVE}-of-{_FIVE}.*")
_NO_DATA = frozenset(
    ["README.md", "config.json", "dataset_info.json", "dataset_infos.json", "dummy_data.zip",
     "dataset_dict.json"]
)  # fmt: skip


def splits_by_name(names: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Return the files of each split, by names relative to the data folder; empty without files.

    The first rule that matches applies: shards in `data/`, folders named after a split, files named
    after a split; otherwise all files are `train`.
    """
    listed = sorted(names)
    if shards := _sharded(listed):
        return shards
    for forms in (_FOLDERS, _FILES):
        found = {
            split: matching([one.format(word=word, mark=_MARK) for word in words for one in forms],
                            listed)
            for split, words in _KEYWORDS.items()
        }  # fmt: skip
        if any(found.values()):
            return {split: files for split, files in found.items() if files}
    everything = matching(["**"], listed)
    return {"train": everything} if everything else {}


def matching(patterns: Iterable[str], names: Sequence[str]) -> tuple[str, ...]:
    """Return the names that match any pattern, in the order of patterns, without duplicates.

    Hidden files, files in folders that begin with `__`, and files that describe a dataset are
    excluded unless a pattern names them. Raises NoPattern.
    """
    found = dict.fromkeys(name for one in patterns for name in _matching(one, names))
    return tuple(found)


def _matching(pattern: str, names: Sequence[str]) -> list[str]:
    matches, wanted = matcher(pattern), posixpath.normpath(pattern)
    ignored = _NO_DATA - {posixpath.basename(wanted)}
    return [
        name
        for name in names
        if matches(name)
        and posixpath.basename(name) not in ignored
        and _hidden(name) == _hidden(wanted)
        and _special(name) == _special(wanted)
    ]


def _hidden(name: str) -> int:
    return sum(part.startswith(".") and part != "." for part in name.split("/"))


def _special(name: str) -> int:
    return sum(part.startswith("__") for part in name.split("/")[:-1])


def _sharded(names: Sequence[str]) -> dict[str, tuple[str, ...]]:
    splits = dict[str, None]()
    for name in matching([_SHARD.format(split="*")], names):
        found = _SHARD_NAME.match(posixpath.basename(name))
        assert found is not None, name
        splits[found["split"]] = None
    ordered = sorted(splits, key=lambda split: (split not in _KEYWORDS, split != "train", split))
    return {split: matching([_SHARD.format(split=split)], names) for split in ordered}
