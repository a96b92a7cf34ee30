"""The errors that a person can meet, as one tree; each carries its exit code.

A message is one sentence with literals in backticks; a fix says how to put it right, as data.
The exit codes are an interface: scripts and schedulers branch on them.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # what makes and shows a fix imports it: a command without errors does not
    from pathlib import Path

    from lockfiles.fixes import Fix, Fixes, Key


class TunelockError(Exception):
    """Base of every error that ends a command with a sentence instead of a traceback."""

    exit_code = 1

    def __init__(
        self, *said: "str | Key", fix: "Fixes" = None, details: Sequence[str] = ()
    ) -> None:
        self.said = said
        """The message in parts: a key of `run.toml` is named by each face in its own words."""
        fix = () if fix is None else fix
        self.fix: tuple[Fix, ...] = tuple(fix) if isinstance(fix, Sequence) else (fix,)
        """Each of them will do."""
        self.details = tuple(details)
        """Lines below the message, such as the fields that differ."""
        super().__init__(self.message)

    @property
    def message(self) -> str:
        """One line: a newline in it came from a file, and is shown as its escape."""
        return "".join(str(part) for part in self.said)

    @property
    def hint(self) -> str:
        """The fix as a command line shows it; empty where there is none."""
        from lockfiles import fixes

        return fixes.text(self.fix)

    @property
    def sentence(self) -> str:
        """The message with its details, where there is one line for both."""
        return "; ".join((self.message, *self.details))

    def relocate(self, old: "Path", new: "Path") -> None:
        """Name what is in the folder `old` as it is called in `new`."""
        from lockfiles import fixes

        self.said = tuple(
            part if isinstance(part, fixes.Key) else part.replace(str(old), str(new))
            for part in self.said
        )
        self.fix = fixes.relocated(self.fix, old, new)


class RunFailed(TunelockError):
    """A stage of a run failed."""

    exit_code = 1


class UsageProblem(TunelockError):
    """Wrong usage, or an input that is missing, broken or not understood."""

    exit_code = 2


class StaleLock(TunelockError):
    """The intent is newer than the lock that was made from it."""

    exit_code = 3


class DoesNotFit(TunelockError):
    """The plan needs more than this machine has, or another kind of machine."""

    exit_code = 4


class DigestDiffers(TunelockError):
    """A model, template, data file or token stream is not the one that was locked."""

    exit_code = 5


class DataRefused(TunelockError):
    """The data cannot be trained on as it is."""

    exit_code = 6


class Stopped(TunelockError):
    """A run was stopped cleanly; the same command resumes it."""

    exit_code = 75


class Interrupted(TunelockError):
    """A command was interrupted at the keyboard."""

    exit_code = 130
