"""Makes a local folder with the files of one split."""

import os
import posixpath
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

from lockfiles import digest
from planner.hub import files
from planner.hub.cache import writing
from planner.hub.datasets.contents import folder
from planner.hub.datasets.resolve import HubSplit
from planner.hub.files import Pinned, Told
from planner.models.facts import FileFact


def fetch(
    split: HubSplit, told: Told = lambda done, total: None, *, cache: Path | None = None
) -> tuple[HubSplit, Path]:
    """Return a split with the digest of every file, and the folder with its files.

    `told` and `cache` are as in `planner.hub.files.fetch`; raises as it does.
    """
    pinned = Pinned(split.repo, split.commit, split.files, kind="dataset")
    lie = files.fetch(pinned, cache, told)
    known = tuple(_digested(file, lie / file.name) for file in split.files)
    names = [file.name for file in known]
    place = folder(split.repo) / split.commit / _part(split.config) / _part(split.split)
    _link(place, {name: lie / full for name, full in zip(_flat(names), names, strict=True)})
    return replace(split, files=known), place


def _part(name: str) -> str:
    """Return a safe folder name for any name; never `..`."""
    quoted = quote(name, safe="")
    return quoted if quoted.strip(".") else quoted.replace(".", "%2E") or "%"


def _digested(file: FileFact, path: Path) -> FileFact:
    return file if file.sha256 else replace(file, sha256=digest.of_file(path))


def _flat(names: Iterable[str]) -> list[str]:
    """Return names without their folder, or with quoted folders if there are several."""
    listed = list(names)
    if len({posixpath.dirname(name) for name in listed}) == 1:
        return [posixpath.basename(name) for name in listed]
    return [quote(name, safe=" ") for name in listed]


def _link(place: Path, wanted: Mapping[str, Path]) -> None:
    """Make a folder contain exactly these links to files."""
    with writing(place):
        place.mkdir(parents=True, exist_ok=True)
        for path in place.iterdir():
            if path.name not in wanted and not path.name.startswith("."):
                path.unlink()
        for name, target in wanted.items():
            new = place / f".{name}.{os.getpid()}"
            new.unlink(missing_ok=True)
            new.symlink_to(target.absolute())
            new.replace(place / name)
