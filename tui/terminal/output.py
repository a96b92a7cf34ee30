"""The only module that writes: data to stdout, messages to stderr; exit codes come from errors.

Text may come from a stranger's file, so it is made harmless here: each line is written as one
line, in which every character is visible.
"""

import errno
import os
import select
import sys
from collections.abc import Callable, Iterable
from typing import NoReturn

from lockfiles.errors import TunelockError, UsageProblem
from lockfiles.harmless import escaped, json_text, one_line
from tui.terminal import signals, streams

TRACEBACK = "TUNELOCK_TRACEBACK"
"""The environment variable that enables tracebacks."""
_NOTE_CHARS = 20_000
"""Maximum characters of a message; data is never truncated."""
_SAID_CHARS = 500
_OF_WRITING = (errno.EDQUOT, errno.EFBIG, errno.EIO, errno.ENOSPC)
"""Error numbers of a failed write to a disk or to stdout."""
_unwritten: list[OSError] = []
"""The error that lost data, if any."""
_told_of: set[str] = set()
"""Errors that were printed already; each is printed once."""


def data(line: str) -> None:
    """Write one line of data to stdout."""
    _write_data(f"{escaped(line)}\n")


def lines(data_lines: Iterable[str]) -> None:
    """Write lines of data to stdout."""
    for line in data_lines:
        data(line)


def data_json(value: object, *, indent: int | None = 2) -> None:
    """Write one JSON value to stdout; without `indent`, in one line."""
    _write_data(f"{json_text(value, indent=indent)}\n")


def note(line: str) -> None:
    """Write one message to stderr; a failed write is ignored."""
    try:
        sys.stderr.write(f"{one_line(line, most=_NOTE_CHARS)}\n")
    except BrokenPipeError:
        raise
    except OSError:
        streams.to_nowhere(sys.stderr)


def notes(lines_of_text: Iterable[str]) -> None:
    """Write messages to stderr, a line each."""
    for line in lines_of_text:
        note(line)


def flush() -> None:
    """Flush stdout and stderr. Raises TunelockError if data was lost."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as problem:
        _lose(problem)
    if _unwritten:
        raise _of_system(_unwritten[0])


def guarded(command: Callable[[], object]) -> NoReturn:
    """Run a command and exit with its exit code; never show a traceback.

    A reader that closes its end (`| head -1`) ends the command silently; that is not a failure.
    """
    code: object = 0
    _unwritten.clear()
    _told_of.clear()
    try:
        streams.prepare(note)
        try:
            with signals.ending():
                command()
        except KeyboardInterrupt:
            code = 130
            note("interrupted")
        except SystemExit as ended:
            code = _exit_code(ended.code)
        except BrokenPipeError:
            raise
        except BaseException as fault:  # a panic of a Rust library is not an Exception
            problem = fault if isinstance(fault, TunelockError) else _sentence(fault)
            code = problem.exit_code
            _tell(problem)
        flush()
    except KeyboardInterrupt:
        code = 130
    except BrokenPipeError as fault:
        if not hush():
            code = code or 1
            _tell(_sentence(fault))
    except TunelockError as lost:
        code = code or lost.exit_code
        _tell(lost)
    raise SystemExit(code)


def hush() -> bool:
    """Discard further output to streams whose reader is gone; return whether there is one."""
    gone = False
    for stream in (sys.stdout, sys.stderr):
        waiting = select.poll()
        waiting.register(stream, 0)
        if waiting.poll(0):  # no event was requested, so this is an error or a hang-up
            streams.to_nowhere(stream)
            gone = True
    return gone


def _write_data(text: str) -> None:
    """Write to stdout; `flush` reports failed writes, at the latest at the end."""
    try:
        sys.stdout.write(text)
    except BrokenPipeError:
        raise
    except OSError as problem:
        _lose(problem)


def _lose(problem: OSError) -> None:
    streams.to_nowhere(sys.stdout)
    _unwritten.append(problem)


def _exit_code(code: object) -> object:
    """Return an exit code; print a text given in its place, as the interpreter would."""
    if code is None or isinstance(code, int):
        return code
    note(f"error: {code}")
    return 1


def _tell(problem: TunelockError) -> None:
    if problem.message in _told_of:
        return
    _told_of.add(problem.message)
    note(f"error: {problem.message}")
    notes(f"  {detail}" for detail in problem.details)
    if problem.hint:
        note(f"hint: {problem.hint}")


def _sentence(fault: BaseException) -> TunelockError:
    """Return the message for an unexpected exception."""
    from lockfiles.fixes import Advice, Command

    if os.environ.get(TRACEBACK):
        import traceback

        notes("".join(traceback.format_exception(fault)).rstrip("\n").split("\n"))
    if isinstance(fault, OSError) and fault.strerror:
        return _of_system(fault)
    if isinstance(fault, MemoryError):
        return TunelockError(
            "Out of memory.", fix=Command("free -h", note="a smaller input needs less")
        )
    return TunelockError(
        f"Unexpected error (`{type(fault).__name__}`).",
        fix=Advice(f"set {TRACEBACK}=1, run the same command again, and report its output"),
    )


def _of_system(fault: OSError) -> TunelockError:
    from lockfiles.fixes import Advice, Command

    if fault.errno == errno.EBADF:
        return TunelockError(
            "The output cannot be written: stdout is closed.", fix=Advice("add `> FILE`")
        )
    if fault.filename is None:
        writing = fault.errno in _OF_WRITING
        what = "The output cannot be written" if writing else "A system call failed"
        return TunelockError(f"{what}: {fault.strerror}.", fix=Command("df -h ."))
    name = fault.filename
    place = os.fsdecode(name) if isinstance(name, bytes) else str(name)
    message = f"`{one_line(place, most=_SAID_CHARS)}` cannot be used: {fault.strerror}."
    if fault.errno in _OF_WRITING:
        return TunelockError(message, fix=Command("df -h ."))
    short = len(place) <= _SAID_CHARS
    return UsageProblem(message, fix=Command("ls -ld {}", place) if short else Command("ls -l ."))


def said(fault: BaseException) -> str:
    """Return an exception's type and text on one line."""
    try:
        text = " ".join(str(fault).split()).rstrip(".")
    except Exception:
        text = ""
    kind = type(fault).__name__
    return one_line(f"{kind}: {text}" if text else kind, most=_SAID_CHARS)
