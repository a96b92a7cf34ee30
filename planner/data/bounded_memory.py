"""A bound on the memory that code of others may take, such as a chat template."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

try:
    import resource
except ImportError:  # Windows has no such limits
    _CAN_BOUND = False
else:
    _CAN_BOUND = Path("/proc/self/statm").exists()

MORE_BYTES = 2**30
"""What it may take beside what the process has. Templates in use need some times the text of the
conversation, which has 16 MiB at most."""
_DATA_PAGES = 5
"""The place of `data` in `/proc/self/statm`: pages of data and stack (proc_pid_statm(5))."""


class _Bound:
    """The bound of the process: set by the first that enters, taken away by the last that leaves.

    Others that take memory meanwhile are under it too, so threads that cannot fail must rest.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._before = (0, 0)

    def enter(self) -> None:
        with self._lock:
            self._inside += 1
            if self._inside == 1:
                self._before = resource.getrlimit(resource.RLIMIT_DATA)
                pages = int(Path("/proc/self/statm").read_bytes().split()[_DATA_PAGES])
                wanted = pages * resource.getpagesize() + MORE_BYTES
                limits = [one for one in self._before if one != resource.RLIM_INFINITY]
                resource.setrlimit(resource.RLIMIT_DATA, (min([wanted, *limits]), self._before[1]))

    def leave(self) -> None:
        with self._lock:
            self._inside -= 1
            if not self._inside:
                resource.setrlimit(resource.RLIMIT_DATA, self._before)


_BOUND = _Bound()


@contextmanager
def bounded_memory() -> Iterator[None]:
    """Raise MemoryError in a block that takes more than `MORE_BYTES`; Linux only, else no bound.

    Blocks may stand inside each other: then the outermost counts.
    """
    if not _CAN_BOUND:
        yield
        return
    _BOUND.enter()
    try:
        yield
    finally:
        _BOUND.leave()
