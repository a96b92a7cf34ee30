"""Long work told now and then: one line every few seconds, whatever the work is at."""

import threading
import time
from contextlib import suppress
from types import TracebackType

from tui.terminal import output

EVERY_SECONDS = 5.0


class Telling:
    """Notes what is done, from entering it to leaving it; work that is soon done has no line."""

    def __init__(self, what: str, every_seconds: float = EVERY_SECONDS) -> None:
        self._every_seconds = every_seconds
        self._left = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.tell(what)

    def tell(self, what: str) -> None:
        """Keep what is done now, as `reading rows` or `120,000 rows`."""
        self._what, self._since = what, time.monotonic()

    def __enter__(self) -> "Telling":
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._left.set()
        self._thread.join()

    def _run(self) -> None:
        with suppress(OSError):  # nobody reads any more, and the next line of the command says so
            while not self._left.wait(self._every_seconds):
                seconds = time.monotonic() - self._since
                behind = f", {seconds:.0f} s" if seconds >= self._every_seconds else ""
                output.note(f"… {self._what}{behind}")
