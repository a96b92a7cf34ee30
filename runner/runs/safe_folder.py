"""A folder of this user, accessed by its descriptor so that no link in it is followed.

A run folder may have existed before, unpacked from a stranger's archive. So each name in it is
looked up relative to the open folder, without following links. Only folders and regular files with
one name (no hard links) that belong to this user are opened, and world-write permission is removed
from them.

A stage process gets paths instead of descriptors. They are checked before it starts; after that
only a process of the same user, or of a group with write permission, could replace them.
"""

import os
import shutil
import stat
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from lockfiles import files
from lockfiles.errors import UsageProblem
from lockfiles.files import size_text
from lockfiles.fixes import Command

MOST_DEPTH = 32
"""How deep folders may be nested in a run folder."""
_SAFE = os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY
_KINDS: tuple[tuple[Callable[[int], bool], str], ...] = (
    (stat.S_ISLNK, "a link"),
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISREG, "a file"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
)


class OwnFolder:
    """An open folder. With `ours` False it is only read, and may belong to anyone.

    With `closes` False no permissions are changed: the folder is only checked.
    """

    def __init__(
        self, descriptor: int, path: Path, *, ours: bool = True, closes: bool = True
    ) -> None:
        self.closes = closes
        self.descriptor = descriptor
        self.path = path
        """The path it was opened by, for messages."""
        self.ours = ours

    @classmethod
    def open(
        cls, path: Path, *, ours: bool = True, make: bool = False, closes: bool = True
    ) -> Self:
        """Open a folder; links in the path above its name are followed.

        With `make` a missing folder is created. Raises UsageProblem if it is not a folder or not
        this user's, and OSError if it cannot be opened.
        """
        if make:
            path.parent.mkdir(parents=True, exist_ok=True)
            _make(str(path), None)
        folder = cls(_open_folder(str(path), None, path), path, ours=ours, closes=closes)
        return folder._checked()

    def inside(self, name: str, *, make: bool = False) -> "OwnFolder":
        """Open a subfolder; as `open`."""
        if make:
            _make(name, self.descriptor)
        path = self.path / name
        descriptor = _open_folder(name, self.descriptor, path)
        folder = OwnFolder(descriptor, path, ours=self.ours, closes=self.closes)
        return folder._checked()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the descriptor."""
        os.close(self.descriptor)

    def found(self, name: str) -> os.stat_result | None:
        """Return the status of a name, without following links; None if it does not exist."""
        try:
            return os.stat(name, dir_fd=self.descriptor, follow_symlinks=False)
        except FileNotFoundError:
            return None

    def size(self, name: str, *, depth: int = 0) -> int | None:
        """Return the bytes of a file, or of all files in a folder; None if it does not exist.

        Links are not followed, and count as nothing.
        """
        found = self.found(name)
        if found is None or not stat.S_ISDIR(found.st_mode):
            return None if found is None else found.st_size * stat.S_ISREG(found.st_mode)
        with self.inside(name) as folder:
            below = [one for one, _ in folder._below(depth)]
            return sum(folder.size(one, depth=depth + 1) or 0 for one in below)

    def names(self) -> list[str]:
        """Return the names in the folder, in order."""
        return sorted(os.listdir(self.descriptor))

    def check(self, name: str) -> None:
        """Raise UsageProblem if a name exists and is not a regular file of this user."""
        if (found := self.found(name)) is not None:
            self._check_file(name, found)

    def open_file(self, name: str, flags: int) -> int:
        """Open a regular file of this user; with O_CREAT a missing one is created.

        Raises UsageProblem if something else is there, and OSError.
        """
        found = self.found(name)
        if found is None and flags & os.O_CREAT:
            return os.open(name, flags | os.O_EXCL | _SAFE, 0o644, dir_fd=self.descriptor)
        if found is not None:
            self._check_file(name, found)
        descriptor = os.open(name, flags & ~os.O_CREAT | _SAFE, dir_fd=self.descriptor)
        try:
            now = os.fstat(descriptor)
            self._check_file(name, now)
            self._close_to_others(descriptor, now)
        except BaseException:
            os.close(descriptor)
            raise
        return descriptor

    def read(self, name: str, limit_bytes: int) -> bytes:
        """Return the content of a file of at most `limit_bytes`; raises as `open_file`."""
        with os.fdopen(self.open_file(name, os.O_RDONLY), "rb") as file:
            content = file.read(limit_bytes + 1)
        if len(content) > limit_bytes:
            raise self._not_ours(name, f"is larger than {size_text(limit_bytes)}")
        return content

    def write_whole(self, name: str, content: bytes) -> None:
        """Write a file to a temporary name, flush it to disk and rename it into place.

        If that fails, the file at `name` is unchanged, and nothing else is left.
        """
        self.check(name)
        self.remove(files.partial_of(name))
        files.write_whole(name, content, folder=self.descriptor, mode=0o644)

    def rename(self, old: str, new: str) -> None:
        """Rename within the folder."""
        os.rename(old, new, src_dir_fd=self.descriptor, dst_dir_fd=self.descriptor)

    def remove(self, name: str) -> None:
        """Remove a file, a link (never its target) or a folder with all its contents, if any."""
        found = self.found(name)
        if found is None:
            return
        if not stat.S_ISDIR(found.st_mode):
            os.unlink(name, dir_fd=self.descriptor)
            return
        try:
            shutil.rmtree(name, dir_fd=self.descriptor)
        except RecursionError:
            raise self._not_ours(name, "is nested too deeply") from None

    def check_tree(self, *, depth: int = 0) -> None:
        """Raise UsageProblem if anything below is not a folder or regular file of this user."""
        for name, found in self._below(depth):
            if stat.S_ISDIR(found.st_mode):
                with self.inside(name) as folder:
                    folder.check_tree(depth=depth + 1)
            else:
                self._check_file(name, found)
                if self.ours and found.st_mode & stat.S_IWOTH:
                    os.close(self.open_file(name, os.O_RDONLY))

    def drop_links(self, *, depth: int = 0) -> None:
        """Remove everything but folders and regular files from the folders below this one."""
        for name, found in self._below(depth):
            if stat.S_ISDIR(found.st_mode):
                with self.inside(name) as folder:
                    folder.drop_links(depth=depth + 1)
            elif depth and not stat.S_ISREG(found.st_mode):
                self.remove(name)

    def sync_tree(self, *, depth: int = 0) -> None:
        """Flush every file and folder below, and this one."""
        for name, found in self._below(depth):
            if stat.S_ISDIR(found.st_mode):
                with self.inside(name) as folder:
                    folder.sync_tree(depth=depth + 1)
            else:
                descriptor = self.open_file(name, os.O_RDONLY)
                try:
                    os.fsync(descriptor)
                finally:
                    os.close(descriptor)
        os.fsync(self.descriptor)

    def _below(self, depth: int) -> Iterator[tuple[str, os.stat_result]]:
        if depth > MOST_DEPTH:
            raise self._not_ours("", "is nested too deeply")
        for name in self.names():
            if (found := self.found(name)) is not None:
                yield name, found

    def _checked(self) -> Self:
        found = os.fstat(self.descriptor)
        try:
            if self.ours and found.st_uid != os.geteuid():
                raise self._not_ours("", _owned(found))
            self._close_to_others(self.descriptor, found)
        except BaseException:
            self.close()
            raise
        return self

    def _check_file(self, name: str, found: os.stat_result) -> None:
        if not stat.S_ISREG(found.st_mode):
            raise self._not_ours(name, f"is {_kind(found)}, not a regular file")
        if self.ours and found.st_uid != os.geteuid():
            raise self._not_ours(name, _owned(found))
        if self.ours and found.st_nlink > 1:
            raise self._not_ours(name, f"has {found.st_nlink} names (hard links)")

    def _close_to_others(self, descriptor: int, found: os.stat_result) -> None:
        """Remove world-write permission; some file systems have no permissions."""
        if self.ours and self.closes and found.st_mode & stat.S_IWOTH:
            os.fchmod(descriptor, stat.S_IMODE(found.st_mode) & ~stat.S_IWOTH)

    def _not_ours(self, name: str, why: str) -> UsageProblem:
        return not_ours(self.path / name if name else self.path, why)


def not_ours(path: Path, why: str) -> UsageProblem:
    """Return the error for something in a run folder that no run of this user created."""
    return UsageProblem(
        f"`{path}` {why}: it was not created by a run of this user.",
        fix=Command("mv -- {} {}", path, f"{path}.away", to="move it away"),
    )


def _owned(found: os.stat_result) -> str:
    return f"belongs to another user (uid {found.st_uid})"


def _kind(found: os.stat_result) -> str:
    return next((name for test, name in _KINDS if test(found.st_mode)), "a device")


def _make(name: str, parent: int | None) -> None:
    with suppress(FileExistsError):
        os.mkdir(name, 0o755, dir_fd=parent)


def _open_folder(name: str, parent: int | None, path: Path) -> int:
    found = os.stat(name, dir_fd=parent, follow_symlinks=False)
    if not stat.S_ISDIR(found.st_mode):
        raise not_ours(path, f"is {_kind(found)}, not a folder")
    return os.open(name, os.O_RDONLY | os.O_DIRECTORY | _SAFE, dir_fd=parent)
