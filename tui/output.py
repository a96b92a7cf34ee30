"""The one module that writes: stdout is data, stderr is for people; exit codes come from errors."""

import codecs
import io
import json
import os
import select
import sys
from collections.abc import Callable
from typing import NoReturn

from lockfiles.errors import TunelockError


def data(text: str) -> None:
    """Write one piece of data to stdout."""
    sys.stdout.write(text if text.endswith("\n") else f"{text}\n")


def data_json(value: object) -> None:
    """Write one JSON value to stdout."""
    data(json.dumps(value, indent=2, ensure_ascii=False))


def note(text: str) -> None:
    """Write one line for the person to stderr."""
    sys.stderr.write(f"{text}\n")


def _escaped(problem: UnicodeError) -> tuple[str, int]:
    """Return what stands for characters that an encoding lacks: their escape in JSON."""
    assert isinstance(problem, UnicodeEncodeError)
    lacking = problem.object[problem.start : problem.end]
    return json.dumps(lacking)[1:-1], problem.end


def take_any_text() -> None:
    """Let stdout and stderr take any text, also where the locale is not UTF-8."""
    codecs.register_error("tunelock-escape", _escaped)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="tunelock-escape")


def guarded(command: Callable[[], object]) -> NoReturn:
    """Run a command and exit as the interface of exit codes says.

    A reader that closed its end (`| head -1`) ends the command quietly, and is no failure.
    """
    code: object = 0
    try:
        try:
            command()
        except TunelockError as problem:
            code = problem.exit_code
            _tell(problem)
        except KeyboardInterrupt:
            code = 130
            note("interrupted")
        except SystemExit as ended:
            code = ended.code
        sys.stdout.flush()
    except BrokenPipeError:
        hush()
    raise SystemExit(code)


def hush() -> None:
    """Let what is still written to a reader that is gone lead nowhere."""
    for stream in (sys.stdout, sys.stderr):
        waiting = select.poll()
        waiting.register(stream, 0)
        if waiting.poll(0):  # no event was asked for, so what comes is an error or a hang-up
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, stream.fileno())
            os.close(nowhere)


def _tell(problem: TunelockError) -> None:
    note(f"error: {problem.message}")
    for detail in problem.details:
        note(f"  {detail}")
    if problem.hint:
        note(f"hint: {problem.hint}")
