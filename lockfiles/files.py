"""Files, read with a bound and written whole.

A path can name what is no plain file: a pipe that nobody writes to, a device without an end, a
link to somewhere else. Here each is one sentence before a byte is read.
"""

import os
import stat
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from lockfiles import limits
from lockfiles.errors import UsageProblem
from lockfiles.fixes import Command
from lockfiles.harmless import is_harmless

MIB = 1 << 20
TEXT_LIMIT_BYTES = 64 * MIB
"""The most that is read of a text file of ours: a lock, an intent, a receipt, a `config.json`."""
_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
    (stat.S_ISLNK, "a link"),
)


def open_regular(path: Path | str, *, folder: int | None = None, follow: bool = True) -> int:
    """Open a plain file for reading and return its descriptor.

    `folder` is the descriptor of the folder that `path` is relative to. With `follow` False a link
    is refused. Never waits for a writer. Raises UsageProblem for anything but a plain file, and
    OSError where the file is missing or may not be read.
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
    """Return the bytes of a plain file that has at most `limit_bytes`; as `open_regular`."""
    with os.fdopen(open_regular(path, folder=folder, follow=follow), "rb") as file:
        content = file.read(limit_bytes + 1)
    if len(content) > limit_bytes:
        raise UsageProblem(
            f"`{path}` has more than {size_text(limit_bytes)}.",
            fix=Command("ls -l {}", path, to="give a file of that kind that is smaller"),
        )
    return content


def size_text(size_bytes: int) -> str:
    """Return a limit in words: `64 MiB`."""
    return f"{size_bytes // MIB} MiB" if size_bytes >= MIB else f"{size_bytes // 1024} KiB"


def at_home(path: Path | str) -> Path:
    """Return a path with its `~` as a home folder; unchanged where there is no such home."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        return Path(path)


def path_problem(path: str) -> str | None:
    """Return why no file can have a path, in words that follow its name; None where one can."""
    if not is_harmless(path):
        return "must be a path without control characters"
    return length_problem(path)


def length_problem(path: str) -> str | None:
    """Return why a path is longer than a file's can be, as `path_problem` does."""
    if len(os.fsencode(path)) > limits.MOST_PATH_BYTES:
        return f"must be a path of at most {limits.MOST_PATH_BYTES:,} bytes"
    if any(len(os.fsencode(part)) > limits.MOST_PATH_PART_BYTES for part in path.split("/")):
        return f"must be a path of names of at most {limits.MOST_PATH_PART_BYTES} bytes"
    return None


def _check_plain(found: os.stat_result, path: Path | str) -> None:
    if stat.S_ISREG(found.st_mode):
        return
    kind = next((name for test, name in _KINDS if test(found.st_mode)), "a special file")
    raise UsageProblem(f"`{path}` is {kind}, not a plain file.", fix=Command("ls -ld {}", path))


def write_whole(
    path: Path | str, content: bytes, *, folder: int | None = None, mode: int = 0o666
) -> None:
    """Write a file to a temporary name, flush it to disk and rename it into place.

    `folder` is the descriptor of the folder that `path` is relative to, and `mode` what the umask
    is taken from. Where that fails, what was at `path` is unchanged, and nothing else is left. A
    link at either name is replaced, never written through. Raises OSError.
    """
    write_together({path: content}, folder=folder, mode=mode)


def write_out(path: Path, content: bytes) -> None:
    """Write what a person asked for: a file whole, and into a device or a pipe as it is."""
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
    """Write files as `write_whole`, all of them to temporary names before the first is renamed.

    With `durable` False nothing waits for the disk. With `shared` other processes may write the
    same files meanwhile: the temporary names are this process's own.
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
    """Return the temporary name of a file that is written; see `write_together`."""
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
    """Flush a file, or a folder's own entries, so that a write or rename outlives a power cut."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
