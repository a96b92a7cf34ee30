"""Writes checkpoints to disk in a thread, while training continues."""

import threading
import traceback
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import Self


class Writer:
    """Writes one checkpoint at a time.

    As a context manager it ends with its last checkpoint written, whatever ended the training.
    """

    def __init__(self) -> None:
        self._due: deque[Callable[[], object]] = deque()
        self._thread: threading.Thread | None = None
        self._problem: BaseException | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        if problem is None:
            self.wait()
        else:
            self._join()
            if self._problem:  # what ended the training is raised
                traceback.print_exception(self._problem)

    def add(self, write: Callable[[], object]) -> None:
        """Add a part of the next checkpoint; the parts are written in the order given."""
        self._due.append(write)

    def begin(self, *, aside: bool) -> None:
        """Write what was added: aside, or before this returns."""
        self.wait()
        due, self._due = self._due, deque()
        if aside:
            self._thread = threading.Thread(target=self._write, args=(due,), name="checkpoint")
            self._thread.start()
        else:
            _carry_out(due)

    def check(self) -> None:
        """Raise the error of a checkpoint that could not be written."""
        problem, self._problem = self._problem, None
        if problem:
            raise problem

    def wait(self) -> None:
        """Wait until nothing is being written. Raises as `check` does."""
        self._join()
        self.check()

    def _join(self) -> None:
        if self._thread:
            self._thread.join()
            self._thread = None

    def _write(self, due: deque[Callable[[], object]]) -> None:
        try:
            _carry_out(due)
        except BaseException as problem:
            self._problem = problem


def _carry_out(due: deque[Callable[[], object]]) -> None:
    while due:
        due.popleft()()  # the memory of each part is free once it is written
