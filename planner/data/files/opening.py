"""Data files are opened here: plain files only, and no links out of a folder of them."""

import os
from pathlib import Path
from typing import BinaryIO

from lockfiles.errors import UsageProblem
from lockfiles.files import open_regular
from lockfiles.fixes import Advice, Command
from planner.hub.cache import cache_folder

_NOT_DATA = (Path("/proc"), Path("/sys"))
"""What looks like files there is made while it is read, and may have no end."""


def opened(path: Path) -> BinaryIO:
    """Open a data file. Raises UsageProblem where it is no plain file, and OSError."""
    real = Path(os.path.realpath(path))
    for root in _NOT_DATA:
        if real.is_relative_to(root):
            raise UsageProblem(
                f"`{path}` is in `{root}`, which holds no data files.",
                fix=Command("ls -ld {}", path),
            )
    return os.fdopen(open_regular(path), "rb")


def check_link(folder: Path, path: Path) -> None:
    """Raise UsageProblem for a link in a folder of data files that leads out of it.

    Links of two kinds may: those that the cache of datasets is made of, and those of a snapshot of
    the Hub's own cache to its blobs.
    """
    if not path.is_symlink():
        return
    real, inside = Path(os.path.realpath(path)), Path(os.path.realpath(folder))
    roots = [inside, *_blobs(inside)]
    if inside.is_relative_to(os.path.realpath(cache_folder())):
        return
    if not any(real.is_relative_to(root) for root in roots):
        raise UsageProblem(
            f"`{path}` is a link out of its folder.", fix=Advice(f"name the file itself: `{real}`")
        )


def _blobs(folder: Path) -> list[Path]:
    """Return the folder that the files of a snapshot are kept in; empty where it is none."""
    return [one.parent / "blobs" for one in (folder, *folder.parents) if one.name == "snapshots"]
