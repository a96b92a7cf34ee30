"""A command of `tunelock` in this process: its exit code, what it printed, and what escaped."""

import os
import sys
import traceback
from dataclasses import dataclass
from pathlib import Path

from lockfiles.harmless import is_harmless

KNOWN_CODES = frozenset([0, 1, 2, 3, 4, 5, 6, 75, 130])
_SIGNS = ("Traceback (most recent call last)", "panicked at", "Fatal Python error")
_MOST_BYTES = 1 << 24


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str
    escaped: str
    """The traceback of what no handler caught; empty where nothing escaped."""
    follows: bool = False
    """Whether the exit code is that of a run which the command only shows."""

    @property
    def traceback(self) -> str:
        """What a person would see of a fault of ours; empty where there is none."""
        shown = self.out + self.err
        return self.escaped or (self.err[-3000:] if any(s in shown for s in _SIGNS) else "")

    @property
    def unsaid(self) -> str:
        """What is missing where a command refused: its code, its one sentence, its hint."""
        if self.code not in KNOWN_CODES:
            return f"the exit code {self.code} is not one of the interface"
        lines = self.err.splitlines()
        errors = sum(line.startswith("error: ") for line in lines)
        if self.follows:
            return ""
        if self.code in (0, 75, 130):
            return "an error, and no exit code" if errors else ""
        if errors != 1:
            return f"{errors} lines of `error:` with the exit code {self.code}"
        return "" if any(line.startswith("hint: ") for line in lines) else "no hint"

    @property
    def steering(self) -> str:
        """A line that holds characters which act instead of being seen; empty where none does."""
        lines = (*self.out.split("\n"), *self.err.split("\n"))
        return next((repr(line[:300]) for line in lines if not is_harmless(line)), "")


def run(folder: Path, *arguments: str) -> Ended:
    """Run a command as its console script would, in `folder`, in this process.

    It is for a process that ends soon: stdout, stderr and the folder stay changed.
    """
    from tui import cli

    os.chdir(folder)
    shown = [os.memfd_create(name) for name in ("out", "err")]
    for number, file in zip((1, 2), shown, strict=True):
        os.dup2(file, number)
    sys.stdout, sys.stderr = (os.fdopen(os.dup(n), "w", encoding="utf-8") for n in (1, 2))
    sys.argv = ["tunelock", *arguments]
    code, escaped = 0, ""
    try:
        cli.main()
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException:
        code, escaped = 1, traceback.format_exc()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    out, err = (_text(file) for file in shown)
    return Ended(code, out, err, escaped, follows=arguments[0] == "watch")


def _text(file: int) -> str:
    content = os.pread(file, _MOST_BYTES, 0)
    os.close(file)
    return content.decode("utf-8", "replace")
