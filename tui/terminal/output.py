"""The one module that writes: stdout is data, stderr is for people; exit codes come from errors.

What is written may come from a stranger's file, so it is made harmless here: what is passed as a
line is written as one line, in which every character can be seen.
"""

import errno
import os
import select
import sys
from collections.abc import Callable, Iterable
from typing import NoReturn

from lockfiles.errors import TunelockError, UsageProblem
from lockfiles.harmless import escaped, json_text, one_line
from tui.terminal import streams

TRACEBACK = "TUNELOCK_TRACEBACK"
"""The environment variable that asks for the traceback of a fault."""
_NOTE_CHARS = 20_000
"""What is written of one line for people at most; data is written whole."""
_SAID_CHARS = 500
_OF_WRITING = (errno.EDQUOT, errno.EFBIG, errno.EIO, errno.ENOSPC)
"""What a disk, or what stdout leads to, answers to writing."""
_unwritten: list[OSError] = []
"""Why data was lost, where it was."""
_told_of: set[str] = set()
"""The errors that were printed; each is printed once."""


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
    """Write one line for the person to stderr; where that cannot be written, nothing is lost."""
    try:
        sys.stderr.write(f"{one_line(line, most=_NOTE_CHARS)}\n")
    except BrokenPipeError:
        raise
    except OSError:
        streams.to_nowhere(sys.stderr)


def notes(lines_of_text: Iterable[str]) -> None:
    """Write lines for the person to stderr."""
    for line in lines_of_text:
        note(line)


def flush() -> None:
    """Hand what was written to whoever reads it. Raises TunelockError where data was lost."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as problem:
        _lose(problem)
    if _unwritten:
        raise _of_system(_unwritten[0])


def guarded(command: Callable[[], object]) -> NoReturn:
    """Run a command and exit as the interface of exit codes says; nothing ends in a traceback.

    A reader that closed its end (`| head -1`) ends the command quietly, and is no failure.
    """
    code: object = 0
    _unwritten.clear()
    _told_of.clear()
    try:
        streams.prepare(note)
        try:
            command()
        except KeyboardInterrupt:
            code = 130
            note("interrupted")
        except SystemExit as ended:
            code = _told(ended.code)
        except BrokenPipeError:
            raise
        except BaseException as fault:  # a panic of a library in Rust is no Exception
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
    """Let what is still written to a reader that is gone lead nowhere; return whether one is."""
    gone = False
    for stream in (sys.stdout, sys.stderr):
        waiting = select.poll()
        waiting.register(stream, 0)
        if waiting.poll(0):  # no event was asked for, so what comes is an error or a hang-up
            streams.to_nowhere(stream)
            gone = True
    return gone


def _write_data(text: str) -> None:
    """Write to stdout; what cannot be written is noticed by `flush`, at the latest at the end."""
    try:
        sys.stdout.write(text)
    except BrokenPipeError:
        raise
    except OSError as problem:
        _lose(problem)


def _lose(problem: OSError) -> None:
    streams.to_nowhere(sys.stdout)
    _unwritten.append(problem)


def _told(code: object) -> object:
    """Return an exit code; a text in place of one is printed here, not by the interpreter."""
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
    """Return what a person reads of an exception that nobody expected."""
    from lockfiles.fixes import Advice, Command

    if os.environ.get(TRACEBACK):
        import traceback

        notes("".join(traceback.format_exception(fault)).rstrip("\n").split("\n"))
    if isinstance(fault, OSError) and fault.strerror:
        return _of_system(fault)
    if isinstance(fault, MemoryError):
        return TunelockError(
            "Memory ran out.", fix=Command("free -h", note="a smaller input needs less")
        )
    return TunelockError(
        f"Something unexpected happened: {said(fault)}.",
        fix=Advice(f"set {TRACEBACK}=1, run the same command again, and report what it prints"),
    )


def _of_system(fault: OSError) -> TunelockError:
    from lockfiles.fixes import Advice, Command

    if fault.errno == errno.EBADF:
        return TunelockError(
            "The output cannot be written: it is closed.", fix=Advice("add `> FILE`")
        )
    if fault.filename is None:
        writing = fault.errno in _OF_WRITING
        what = "The output cannot be written" if writing else "The system refused something"
        return TunelockError(f"{what}: {fault.strerror}.", fix=Command("df -h ."))
    name = fault.filename
    place = os.fsdecode(name) if isinstance(name, bytes) else str(name)
    message = f"`{one_line(place, most=_SAID_CHARS)}` cannot be used: {fault.strerror}."
    if fault.errno in _OF_WRITING:
        return TunelockError(message, fix=Command("df -h ."))
    short = len(place) <= _SAID_CHARS
    return UsageProblem(message, fix=Command("ls -ld {}", place) if short else Command("ls -l ."))


def said(fault: BaseException) -> str:
    """Return an exception as its kind and its text, on one line."""
    try:
        text = " ".join(str(fault).split()).rstrip(".")
    except Exception:
        text = ""
    kind = type(fault).__name__
    return one_line(f"{kind}: {text}" if text else kind, most=_SAID_CHARS)
