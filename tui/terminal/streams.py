"""The three standard streams, prepared for any text, and what libraries write to them."""

import codecs
import io
import json
import logging
import os
import sys
import threading
import warnings
from collections.abc import Callable
from typing import Any, TextIO

from lockfiles.harmless import escaped, one_line

Note = Callable[[str], None]
_MODES = {0: os.O_RDONLY, 1: os.O_WRONLY, 2: os.O_WRONLY}
"""The mode in which a closed stream is opened."""


def prepare(note: Note) -> None:
    """Make the streams accept any text, even if one is closed or the locale is not UTF-8.

    Messages of libraries (warnings, log lines, errors in threads) are made harmless too; `note`
    writes a message to stderr.
    """
    _open_closed()
    codecs.register_error("tunelock-escape", _escape_lacking)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="tunelock-escape")
    logging.setLogRecordFactory(_Record)
    _take_hooks(note)


def to_nowhere(stream: TextIO) -> None:
    """Discard what is still written to a stream, or buffered in it."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


def _open_closed() -> None:
    """Open closed streams, so that no other file gets their descriptors.

    Writing to such a stdout then fails and is reported; output to such a stderr is discarded.
    """
    for number, mode in _MODES.items():
        try:
            os.fstat(number)
        except OSError:
            opened = os.open(os.devnull, mode)
            os.dup2(opened, number)
            os.set_inheritable(number, True)
            if opened != number:
                os.close(opened)
    sys.stdin = sys.stdin or os.fdopen(0, closefd=False, encoding="utf-8")
    sys.stdout = sys.stdout or os.fdopen(os.open(os.devnull, os.O_RDONLY), "w", encoding="utf-8")
    sys.stderr = sys.stderr or os.fdopen(2, "w", 1, closefd=False, encoding="utf-8")


def _escape_lacking(problem: UnicodeError) -> tuple[str, int]:
    """Return the JSON escapes of characters that an encoding lacks."""
    assert isinstance(problem, UnicodeEncodeError)
    lacking = problem.object[problem.start : problem.end]
    return json.dumps(lacking)[1:-1], problem.end


class _Record(logging.LogRecord):
    """Formats a library's log line without its traceback; it may quote a file or a server."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.exc_info = self.stack_info = None

    def getMessage(self) -> str:
        return escaped(super().getMessage())


def _take_hooks(note: Note) -> None:
    def warned(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        note(f"warning: {category.__name__}: {message}")

    def fault_of_thread(given: threading.ExceptHookArgs) -> None:
        note(f"warning: a thread ended by {given.exc_type.__name__}: {_text(given.exc_value)}")

    def fault_at_end(given: "sys.UnraisableHookArgs") -> None:
        note(f"warning: {given.exc_type.__name__}: {_text(given.exc_value)}")

    warnings.showwarning = warned
    threading.excepthook = fault_of_thread
    sys.unraisablehook = fault_at_end


def _text(fault: BaseException | None) -> str:
    return one_line(" ".join(str(fault).split()))
