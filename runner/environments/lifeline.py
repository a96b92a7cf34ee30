"""A line to child processes over which they notice that their parent ended, however it did."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def lifeline() -> Iterator[int]:
    """Yield the descriptor that children get as stdin, a pipe to which nobody writes: they read its
    end once this process ends, or leaves the block."""
    theirs, ours = os.pipe()
    try:
        yield theirs
    finally:
        os.close(theirs)
        os.close(ours)


def end_with_parent(code: int) -> None:
    """Let this process, a child on a lifeline, end with its parent, with an exit code."""

    def wait() -> None:
        if not os.read(0, 1):
            os._exit(code)

    threading.Thread(target=wait, daemon=True, name="parent").start()
