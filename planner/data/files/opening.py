"""Opens data files: regular files only, and no links that lead out of their folder."""

import os
from pathlib import Path
from typing import BinaryIO

from lockfiles.digest import lfs_pointer
from lockfiles.errors import UsageProblem
from lockfiles.files import is_lfs_pointer, open_regular
from lockfiles.fixes import Advice, Command
from planner.hub.cache import cache_folder

_NOT_DATA = (Path("/proc"), Path("/sys"))
"""Files there are generated while they are read, and may be endless."""


def opened(path: Path) -> BinaryIO:
    """Open a data file.

    Raises UsageProblem if it is not a regular file, or a pointer of Git LFS, and OSError.
    """
    real = Path(os.path.realpath(path))
    for root in _NOT_DATA:
        if real.is_relative_to(root):
            raise UsageProblem(
                f"`{path}` is in `{root}`, which has no data files.",
                fix=Command("ls -ld {}", path),
            )
    file = os.fdopen(open_regular(path), "rb")
    if is_lfs_pointer(file.peek(8)):
        file.close()
        raise lfs_pointer(path)
    return file


def check_link(folder: Path, path: Path) -> None:
    """Raise UsageProblem for a link in a folder of data files that leads out of the folder.

    Allowed are links in this program's cache of datasets, and links from a snapshot in the Hub's
    cache to its blobs.
    """
    if not path.is_symlink():
        return
    real, inside = Path(os.path.realpath(path)), Path(os.path.realpath(folder))
    roots = [inside, *_blobs(inside)]
    if inside.is_relative_to(os.path.realpath(cache_folder())):
        return
    if not any(real.is_relative_to(root) for root in roots):
        raise UsageProblem(
            f"`{path}` is a link out of its folder.",
            fix=Advice(f"name the file itself: `{real}`"),
        )


def _blobs(folder: Path) -> list[Path]:
    """Return the blobs folder of a snapshot; empty if the folder is not a snapshot."""
    return [one.parent / "blobs" for one in (folder, *folder.parents) if one.name == "snapshots"]
