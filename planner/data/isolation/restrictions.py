"""The restrictions that a child process applies to itself before it reads untrusted input."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

try:
    import resource
except ImportError:  # Windows has no such limits
    resource = None  # type: ignore[assignment]

HARD_BYTES = 2**35
"""Memory limit for the process, whatever the request."""
_OPEN_FILES = 32
_STATM = Path("/proc/self/statm")
_DATA_PAGES = 5
"""The index of `data` in `/proc/self/statm`: pages of data and stack (proc_pid_statm(5))."""


def close_standard_streams() -> None:
    """Redirect standard input, output and error to the null device.

    The caller keeps duplicates of its pipes, which code that prints or reads does not reach.
    """
    null_device = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(null_device, descriptor)
    os.close(null_device)


def restrict_files() -> None:
    """Forbid writing files, core dumps and opening many files.

    The signals of the timers, SIGALRM and SIGPROF, are set to end the process.
    """
    for number in (signal.SIGALRM, signal.SIGPROF):
        signal.signal(number, signal.SIG_DFL)
    if resource is None:
        return
    for kind, most in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NOFILE, _OPEN_FILES),
    ):
        resource.setrlimit(kind, (most, most))


def forbid_new_processes() -> None:
    """Forbid starting processes and threads; the system enforces this for all users but root."""
    if resource is not None:
        resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))


def set_cpu_limit(seconds: float) -> None:
    """End the process by SIGPROF after this much CPU time; 0 removes the limit."""
    signal.setitimer(signal.ITIMER_PROF, seconds)


@contextmanager
def bounded(seconds: float, more_bytes: int) -> Iterator[None]:
    """Limit the time of a block, after which the process ends, and the memory that it may add.

    The time limit works on every system, the memory limit on Linux.
    """
    signal.setitimer(signal.ITIMER_REAL, seconds)
    _set_data(_data_bytes() + more_bytes)
    try:
        yield
    finally:
        set_cpu_limit(0)
        _set_data(HARD_BYTES)
        signal.setitimer(signal.ITIMER_REAL, 0)


def _data_bytes() -> int:
    if resource is None or not _STATM.exists():
        return HARD_BYTES
    return int(_STATM.read_bytes().split()[_DATA_PAGES]) * resource.getpagesize()


def _set_data(soft: int) -> None:
    """Set the soft limit; an inherited hard limit is kept."""
    if resource is None or not _STATM.exists():
        return
    hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
    most = HARD_BYTES if hard == resource.RLIM_INFINITY else hard
    resource.setrlimit(resource.RLIMIT_DATA, (min(soft, most), most))
