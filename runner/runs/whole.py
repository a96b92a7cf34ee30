"""Complete checkpoints: each is marked once all of its files are on disk. Imports no torch."""

import os
import stat
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from lockfiles.errors import UsageProblem
from lockfiles.files import read_bounded, write_whole

WHOLE = "whole.json"
"""Written last into a checkpoint, with the size of each file. A checkpoint cut short by a kill or
a power failure lacks this file or differs from it, and is skipped."""
CHECKPOINT = "checkpoint-"
"""What the name of a checkpoint's folder begins with; its step follows."""
_MOST_MARK_BYTES = 4 << 20


def earlier_peak(checkpoint: str | None) -> int:
    """Return the peak memory up to a checkpoint, in bytes; 0 without one."""
    mark = None if checkpoint is None else mark_of(Path(checkpoint))
    return 0 if mark is None else mark.peak_bytes


def mark_whole(folder: Path, peak_bytes: int) -> None:
    """Flush the files of a checkpoint to disk, then mark it as complete."""
    sizes = {}
    for path in sorted(folder.iterdir()):
        if path.is_file() and path.name != WHOLE:
            with path.open("rb") as file:
                os.fsync(file.fileno())
            sizes[path.name] = path.stat().st_size
    write_whole(folder / WHOLE, Mark(peak_bytes=peak_bytes, sizes_bytes=sizes).content)


def is_whole(folder: Path) -> bool:
    """Return whether a checkpoint was marked as complete and its files still have those sizes.

    Files are looked up in the checkpoint's own folder only, and links are not followed.
    """
    mark = mark_of(folder)
    if mark is None or not mark.sizes_bytes:
        return False
    sizes = {path.name: path.lstat().st_size for path in folder.iterdir() if _is_plain(path)}
    return all(sizes.get(name) == size for name, size in mark.sizes_bytes.items())


class Mark(BaseModel):
    """The contents of `whole.json`."""

    model_config = ConfigDict(strict=True, frozen=True)

    peak_bytes: Annotated[int, Field(ge=0, lt=1 << 60)] = 0
    sizes_bytes: dict[str, int] = Field(default_factory=dict)

    @property
    def content(self) -> bytes:
        """The content of the file."""
        return self.model_dump_json().encode()


def mark_of(folder: Path) -> Mark | None:
    """Return the mark of a checkpoint; None if it has none that is valid."""
    if folder.is_symlink() or not folder.is_dir():
        return None
    try:
        return Mark.model_validate_json(
            read_bounded(folder / WHOLE, _MOST_MARK_BYTES, follow=False)
        )
    except (OSError, UsageProblem, ValueError):
        return None


def newest_whole(work: Path) -> int:
    """Return the step of the newest complete checkpoint in a folder; 0 if there is none."""
    steps = [
        int(name.removeprefix(CHECKPOINT))
        for name in (path.name for path in work.glob(f"{CHECKPOINT}*") if is_whole(path))
        if name.removeprefix(CHECKPOINT).isdecimal()
    ]
    return max(steps, default=0)


def _is_plain(path: Path) -> bool:
    return stat.S_ISREG(path.lstat().st_mode)
