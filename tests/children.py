"""Waits for forks of a test's process."""

import os
import signal
import time
from collections.abc import Sequence

_OTHERS_SECONDS = 20.0
"""For the other processes of a training, once one of them failed."""


def ended(children: Sequence[int], seconds: float) -> list[int | None]:
    """Return the exit codes of forks; None for those that are killed after `seconds`."""
    ends, codes = time.monotonic() + seconds, dict.fromkeys(children)
    try:
        while None in codes.values() and time.monotonic() < ends:
            for child in (one for one, code in codes.items() if code is None):
                done, status = os.waitpid(child, os.WNOHANG)
                codes[child] = os.waitstatus_to_exitcode(status) if done else None
            if any(code not in (None, 0, 75) for code in codes.values()):
                ends = min(ends, time.monotonic() + _OTHERS_SECONDS)
            time.sleep(0.02)
    finally:
        for child in (one for one, code in codes.items() if code is None):
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
    return list(codes.values())
