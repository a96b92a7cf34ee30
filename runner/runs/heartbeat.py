"""A heartbeat every few seconds, from a thread: it stops when its process is suspended."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

BEAT_SECONDS = 10.0
"""Seconds between two heartbeats of a stage process, and of a supervisor."""


@contextmanager
def heartbeat(beat: Callable[[], object], every_seconds: float = BEAT_SECONDS) -> Iterator[None]:
    """Call `beat` at once and then every few seconds, until the block is left."""
    ended = threading.Event()

    def run() -> None:
        with suppress(OSError):  # a missing heartbeat is noticed at the other end
            while not ended.is_set():
                beat()
                ended.wait(every_seconds)

    thread = threading.Thread(target=run, daemon=True, name="heartbeat")
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(timeout=1.0)
