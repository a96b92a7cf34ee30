"""Reads files with a size limit and writes them atomically.

A path may name something other than a regular file: a pipe without a writer, an endless device, a
link to another place. Those are refused before a byte is read.
"""

import errno
import os
import stat
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from lockfiles import limits
from lockfiles.errors import UsageProblem
from lockfiles.fixes import Advice, Command
from lockfiles.harmless import is_harmless

MIB = 1 << 20
TEXT_LIMIT_BYTES = 64 * MIB
"""Limit for text files such as a lock, an intent, a receipt or a `config.json`."""
_BEGINNING_BYTES = 4096
"""How far into an output its mark is looked for."""
_LFS_POINTER = b"version https://git-lfs"
_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
    (stat.S_ISLNK, "a link"),
)


def is_lfs_pointer(content: bytes) -> bool:
    """Return whether the beginning of a file, 8 bytes or more, is that of a Git LFS pointer.

    A clone without Git LFS has such pointers in place of large files.
    """
    return content.startswith(_LFS_POINTER[: len(content)]) and len(content) >= 8


def open_regular(path: Path | str, *, folder: int | None = None, follow: bool = True) -> int:
    """Open a regular file for reading and return its descriptor.

    `folder` is the descriptor of the folder that `path` is relative to. If `follow` is False, a
    link is refused. Never blocks on a pipe. Raises UsageProblem for anything but a regular file,
    and OSError where the file is missing or not readable.
    """
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY
    found = os.stat(path, dir_fd=folder, follow_symlinks=follow)
    _check_plain(found, path)
    descriptor = os.open(path, flags | (0 if follow else os.O_NOFOLLOW), dir_fd=folder)
    try:
        _check_plain(os.fstat(descriptor), path)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def read_bounded(
    path: Path | str, limit_bytes: int, *, folder: int | None = None, follow: bool = True
) -> bytes:
    """Return the bytes of a regular file of at most `limit_bytes`; raises as `open_regular`."""
    with os.fdopen(open_regular(path, folder=folder, follow=follow), "rb") as file:
        content = file.read(limit_bytes + 1)
    if len(content) > limit_bytes:
        raise UsageProblem(
            f"`{path}` is larger than {size_text(limit_bytes)}.",
            fix=Command("ls -l {}", path, to="use a smaller file"),
        )
    return content


def size_text(size_bytes: int) -> str:
    """Return a limit as text, such as `64 MiB`."""
    return f"{size_bytes // MIB} MiB" if size_bytes >= MIB else f"{size_bytes // 1024} KiB"


def at_home(path: Path | str) -> Path:
    """Return a path with `~` expanded; unchanged where there is no such home folder."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        return Path(path)


def path_problem(path: str) -> str | None:
    """Return why a path is invalid, as words to follow its name; None where it is valid."""
    if not is_harmless(path):
        return "must be a path without control characters"
    return length_problem(path)


def unwritable(folder: Path) -> int:
    """Return the error number that says why no file can be made in a folder; 0 if one can."""
    if os.access(folder, os.W_OK | os.X_OK):
        return 0
    read_only = os.statvfs(folder).f_flag & os.ST_RDONLY
    return errno.EROFS if read_only else errno.EACCES


def length_problem(path: str) -> str | None:
    """Return why a path is too long, as `path_problem` does."""
    if len(os.fsencode(path)) > limits.MOST_PATH_BYTES:
        return f"must be a path of at most {limits.MOST_PATH_BYTES:,} bytes"
    if any(len(os.fsencode(part)) > limits.MOST_PATH_PART_BYTES for part in path.split("/")):
        return f"must be a path with names of at most {limits.MOST_PATH_PART_BYTES} bytes"
    return None


def _check_plain(found: os.stat_result, path: Path | str) -> None:
    if stat.S_ISREG(found.st_mode):
        return
    kind = next((name for test, name in _KINDS if test(found.st_mode)), "a special file")
    raise UsageProblem(f"`{path}` is {kind}, not a plain file.", fix=Command("ls -ld {}", path))


def write_whole(
    path: Path | str, content: bytes, *, folder: int | None = None, mode: int = 0o666
) -> None:
    """Write a file atomically: to a temporary name, flushed to disk, then renamed.

    `folder` is the descriptor of the folder that `path` is relative to, and `mode` is the file mode
    before the umask. On failure, `path` is unchanged and no temporary file is left. A link at
    either name is replaced, not followed. Raises OSError.
    """
    write_together({path: content}, folder=folder, mode=mode)


def check_output(path: Path, mark: bytes) -> None:
    """Raise UsageProblem if an output would replace a file of another kind: one that is not empty,
    and has no `mark` near its beginning, as all outputs of this kind have."""
    if path.is_file() and (beginning := _beginning(path)) and mark not in beginning:
        raise UsageProblem(
            f"`{path}` is a file of another kind, which would be overwritten.",
            fix=Advice("name another file, or remove this one"),
        )


def _beginning(path: Path) -> bytes:
    with suppress(OSError), path.open("rb") as file:
        return file.read(_BEGINNING_BYTES)
    return b""


def write_out(path: Path, content: bytes, mark: bytes) -> None:
    """Write an output that a person named: a file atomically, a device or pipe directly.

    Raises as `check_output`, and OSError.
    """
    assert mark in content[:_BEGINNING_BYTES]
    check_output(path, mark)
    if path.exists() and not path.is_file():
        path.write_bytes(content)
    else:
        write_whole(path, content)


def write_together(
    contents: Mapping[Path | str, bytes],
    *,
    folder: int | None = None,
    mode: int = 0o666,
    durable: bool = True,
    shared: bool = False,
) -> None:
    """Write several files as `write_whole` does, all to temporary names before any is renamed.

    If `durable` is False, nothing is flushed to disk. If `shared` is True, other processes may
    write the same files at the same time: the temporary names are unique to this process.
    """
    ready = {partial_of(path, shared=shared): path for path in contents}
    try:
        for partial, path in ready.items():
            _remove(partial, folder)
            _create(partial, contents[path], folder, mode, durable)
        for partial, path in ready.items():
            os.rename(partial, path, src_dir_fd=folder, dst_dir_fd=folder)
    except BaseException:
        for partial in ready:
            _remove(partial, folder)
        raise
    if durable and folder is not None:
        os.fsync(folder)
    elif durable:
        for parent in {Path(path).parent for path in contents}:
            sync(parent)


def partial_of(path: Path | str, *, shared: bool = False) -> str:
    """Return the temporary name for writing a file; see `write_together`."""
    head, name = os.path.split(path)
    return os.path.join(head, f".{name}.{os.getpid()}.tmp" if shared else f".{name}.partial")


def _create(path: str, content: bytes, folder: int | None, mode: int, durable: bool) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
    with os.fdopen(os.open(path, flags, mode, dir_fd=folder), "wb") as file:
        file.write(content)
        if durable:
            file.flush()
            os.fsync(file.fileno())


def _remove(path: str, folder: int | None) -> None:
    with suppress(FileNotFoundError):
        os.unlink(path, dir_fd=folder)


def sync(path: Path) -> None:
    """Flush a file, or a folder's entries, so that a write or rename survives a power cut."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
