"""The configs of a dataset and the files of their splits, from its card or its file names."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from planner.hub.datasets.globs import NoPattern, is_pattern
from planner.hub.datasets.kinds import Unreadable
from planner.hub.datasets.names import matching, splits_by_name

DEFAULT = "default"
_SPLIT = re.compile(r"\w+(\.\w+)*")
"""The names of splits that the library `datasets` allows."""
_PLAIN = frozenset(
    ["config_name", "data_files", "data_dir", "default", "description", "drop_labels", "features",
     "license", "version"]
)  # fmt: skip
"""Keys of a config that do not affect how its files are read; others are reader options."""


@dataclass(frozen=True)
class Config:
    """One config of a dataset."""

    name: str
    is_default: bool
    splits: Mapping[str, tuple[str, ...]]
    """Each split with its files; none is empty."""
    trouble: str = ""
    """Why its files cannot be read, as in Unreadable; empty if they can."""


def configs(card: object, names: Sequence[str]) -> tuple[Config, ...]:
    """Return the configs of a repository; at least one.

    `card` is the value of `configs` in its `README.md`, or None. Raises Unreadable if the
    repository has no data or its card is invalid.
    """
    if not card:
        splits = splits_by_name(names)
        if not splits:
            raise Unreadable("it has no data files")
        return (Config(DEFAULT, True, splits),)
    if not isinstance(card, list) or not all(_is_config(one) for one in card):
        raise Unreadable("the `configs` in its `README.md` are invalid")
    return tuple(_config(one, names, only=len(card) == 1) for one in card)


def in_folder(folder: str, names: Sequence[str]) -> Config | None:
    """Return the files of a folder as a config with its name; None if there are none."""
    splits = _below(folder, names)
    return Config(folder, False, splits) if splits else None


def converted(names: Sequence[str]) -> tuple[Config, ...]:
    """Return the configs that the Hub converted to Parquet (`config/split/0000.parquet`)."""
    found: dict[str, dict[str, list[str]]] = {}
    for name in sorted(names):
        match name.split("/"):
            case [config, split, file] if file.endswith(".parquet"):
                found.setdefault(config, {}).setdefault(split, []).append(name)
    if not found:
        raise Unreadable("it has no data files")
    return tuple(
        Config(
            name,
            len(found) == 1 or name == DEFAULT,
            {split: tuple(files) for split, files in splits.items()},
        )
        for name, splits in found.items()
    )


def _is_config(value: object) -> bool:
    return isinstance(value, dict) and isinstance(value.get("config_name"), str)


def _config(stated: Mapping[str, Any], names: Sequence[str], *, only: bool) -> Config:
    name = stated["config_name"]
    is_default = only or name == DEFAULT or stated.get("default") is True
    options = sorted(map(str, set(stated) - _PLAIN))
    folder = str(stated.get("data_dir") or "").strip("/")
    try:
        if stated.get("data_files") is None:
            return Config(name, is_default, _below(folder, names), _of_options(name, options))
        patterns = _patterns(stated["data_files"])
        splits = {split: _files(wanted, folder, names) for split, wanted in patterns.items()}
    except NoPattern as wrong:
        said = f"the `data_files` of its config `{name}` name `{wrong}`, which is not in it"
        return Config(name, is_default, {}, said)
    found = {split: files for split, files in splits.items() if files}
    return Config(name, is_default, found, _of_options(name, options))


def _of_options(name: str, options: Sequence[str]) -> str:
    if not options:
        return ""
    return f"its config `{name}` sets `{'`, `'.join(options)}`, which is not supported"


def _below(folder: str, names: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Return the splits of the files in a folder, by file name; an empty name means the top."""
    start = f"{folder}/" if folder else ""
    inside = [name.removeprefix(start) for name in names if name.startswith(start)]
    return {
        split: tuple(start + name for name in files)
        for split, files in splits_by_name(inside).items()
    }


def _patterns(stated: Any) -> dict[str, list[str]]:
    """Return the patterns of each split, for every form of `data_files`."""
    match stated:
        case str():
            return {"train": [stated]}
        case [*items] if items and all(isinstance(item, str) for item in items):
            return {"train": items}
        case [*items] if items and all(isinstance(item, dict) for item in items):
            return {_named(item.get("split")): _list(item.get("path")) for item in items}
    raise NoPattern(stated)


def _named(split: object) -> str:
    if not isinstance(split, str) or not _SPLIT.fullmatch(split):
        raise NoPattern(split)
    return split


def _list(path: Any) -> list[str]:
    listed: list[Any] = path if isinstance(path, list) else [path]
    if not all(isinstance(one, str) for one in listed):
        raise NoPattern(path)
    return listed


def _files(patterns: Sequence[str], folder: str, names: Sequence[str]) -> tuple[str, ...]:
    placed = [f"{folder}/{one}" if folder else one for one in patterns]
    for one in placed:
        if not is_pattern(one) and not matching([one], names):
            raise NoPattern(one)
    return matching(placed, names)
