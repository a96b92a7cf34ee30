"""The errors that are shown to people, as one class hierarchy; each has its exit code.

A message is one sentence with literals in backticks; its fixes are data. The exit codes are an
interface that scripts and schedulers rely on.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # imported only where an error is raised or shown
    from pathlib import Path

    from lockfiles.fixes import Fix, Fixes, Key


class TunelockError(Exception):
    """Base of every error that ends a command with a sentence instead of a traceback."""

    exit_code = 1

    def __init__(
        self, *said: "str | Key", fix: "Fixes" = None, details: Sequence[str] = ()
    ) -> None:
        self.said = said
        """The message in parts, since each interface has its own name for a key of `run.toml`."""
        fix = () if fix is None else fix
        self.fix: tuple[Fix, ...] = tuple(fix) if isinstance(fix, Sequence) else (fix,)
        """Alternative fixes."""
        self.details = tuple(details)
        """Further lines, such as the fields that differ."""
        super().__init__(self.message)

    @property
    def message(self) -> str:
        """The message as one line; newlines from input must be escaped."""
        return "".join(str(part) for part in self.said)

    @property
    def hint(self) -> str:
        """The fixes as text for the command line; empty where there are none."""
        from lockfiles import fixes

        return fixes.text(self.fix)

    @property
    def sentence(self) -> str:
        """The message and its details on one line."""
        return "; ".join((self.message, *self.details))

    def relocate(self, old: "Path", new: "Path") -> None:
        """Replace paths in the folder `old` by the same paths in `new`."""
        from lockfiles import fixes

        self.said = tuple(
            part if isinstance(part, fixes.Key) else part.replace(str(old), str(new))
            for part in self.said
        )
        self.fix = fixes.relocated(self.fix, old, new)

    def in_files(self, names: Mapping[str, str]) -> None:
        """Name files in the fixes by their own names, which `names` has by the default ones."""
        from lockfiles import fixes

        self.fix = fixes.in_files(self.fix, names)

    def of_lock(self, lock: "Path") -> None:
        """Name a lock, and the files next to it, in the fixes by their own names."""
        from lockfiles import fixes

        self.fix = fixes.in_files(self.fix, fixes.beside(lock))


@contextmanager
def naming(lock: "Path") -> Iterator[None]:
    """Name a lock, and the files next to it, in the fixes of errors by their own names."""
    try:
        yield
    except TunelockError as problem:
        problem.of_lock(lock)
        raise


class RunFailed(TunelockError):
    """A stage of a run failed."""

    exit_code = 1


class UsageProblem(TunelockError):
    """Wrong usage, or an input that is missing, broken or not understood."""

    exit_code = 2


class StaleLock(TunelockError):
    """The intent changed after the lock was made from it."""

    exit_code = 3


class DoesNotFit(TunelockError):
    """The plan needs more memory than this machine has, or another kind of machine."""

    exit_code = 4


class DigestDiffers(TunelockError):
    """A model, data file, template or token stream differs from the lock, or a lock was edited."""

    exit_code = 5


class EditedLock(UsageProblem):
    """A lock has values that contradict each other, as no plan writes them."""

    exit_code = DigestDiffers.exit_code


class DataRefused(TunelockError):
    """The data cannot be used for training."""

    exit_code = 6


class Stopped(TunelockError):
    """A run was stopped cleanly; rerun the command to resume."""

    exit_code = 75


class Interrupted(TunelockError):
    """A command was interrupted at the keyboard."""

    exit_code = 130
