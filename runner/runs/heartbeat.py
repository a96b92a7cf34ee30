"""A sign of life every few seconds, from a thread: it stops when its process is stopped."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

BEAT_SECONDS = 10.0
"""Between two beats of a stage process to its supervisor, and of a supervisor to its folder."""


@contextmanager
def heartbeat(beat: Callable[[], object], every_seconds: float = BEAT_SECONDS) -> Iterator[None]:
    """Call `beat` at once and then every few seconds, until the block is left."""
    ended = threading.Event()

    def run() -> None:
        with suppress(OSError):  # what cannot be told any more is noticed as silence
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
