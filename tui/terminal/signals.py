"""SIGHUP and SIGTERM end a command as an error would: what it started is ended, and unfinished
files are removed."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

_ENDING = (signal.SIGHUP, signal.SIGTERM)


@contextmanager
def ending() -> Iterator[None]:
    """Raise SystemExit at the first SIGHUP or SIGTERM, with a shell's code: 128 plus its number.

    One that is ignored, as SIGHUP is under `nohup`, stays ignored. A closed terminal may send
    SIGHUP twice, so later ones do not disturb the end. A run has its own handlers
    (`runner.supervisor.signals`), and so has a full screen.
    """
    heeded = [one for one in _ENDING if signal.getsignal(one) is not signal.SIG_IGN]

    def end(number: int, _: object) -> NoReturn:
        for one in heeded:
            signal.signal(one, signal.SIG_IGN)
        raise SystemExit(128 + number)

    before = {one: signal.signal(one, end) for one in heeded}
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)
