"""The one module that writes: stdout is data, stderr is for people; exit codes come from errors."""

import json
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


def fail(problem: TunelockError) -> NoReturn:
    """Say what went wrong and what to type next, and end with the error's exit code."""
    note(f"error: {problem.message}")
    if problem.hint:
        note(f"hint: {problem.hint}")
    raise SystemExit(problem.exit_code)


def guarded(command: Callable[[], object]) -> NoReturn:
    """Run a command and exit as the interface of exit codes says."""
    try:
        command()
    except TunelockError as problem:
        fail(problem)
    except KeyboardInterrupt:
        note("interrupted")
        raise SystemExit(130) from None
    except BrokenPipeError:
        sys.stderr.close()
        raise SystemExit(0) from None
    raise SystemExit(0)
