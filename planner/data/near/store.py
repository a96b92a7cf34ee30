"""Stores the shingles of all rows in a temporary file; a million rows do not fit in memory."""

import os
import tempfile
import weakref
from array import array
from collections.abc import Sequence
from contextlib import suppress
from typing import IO

from lockfiles.errors import UsageProblem
from lockfiles.fixes import Command
from planner.data.near.shingles import Sides

_BYTES = array("I").itemsize


class Store:
    """Shingles by row number: 12 bytes per row in memory, 4 bytes per shingle on disk."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115  closed by the finalizer
        weakref.finalize(self, _close, self._file)
        self._ends = array("Q", [0])
        self._prompts = array("I")

    def add(self, batch: Sequence[Sides]) -> None:
        """Append rows. Raises UsageProblem if the disk is full."""
        shingles, before = array("I"), self._ends[-1]
        for prompt, answer in batch:
            shingles.extend(prompt)
            shingles.extend(answer)
            self._ends.append(before + len(shingles))
            self._prompts.append(len(prompt))
        try:
            self._file.write(shingles.tobytes())
            self._file.flush()
        except OSError as error:
            raise UsageProblem(
                f"`{tempfile.gettempdir()}` has no space to compare the rows: {error.strerror}.",
                fix=Command("export TMPDIR=/a/folder/on/a/larger/disk"),
            ) from None

    def __getitem__(self, number: int) -> Sides:
        start, end = self._ends[number], self._ends[number + 1]
        read = os.pread(self._file.fileno(), (end - start) * _BYTES, start * _BYTES)
        shingles = array("I", read)
        prompt = self._prompts[number]
        return set(shingles[:prompt]), set(shingles[prompt:])


def _close(file: IO[bytes]) -> None:
    """Close a file; on a full disk this fails like the last write, which was already reported."""
    with suppress(OSError):
        file.close()
