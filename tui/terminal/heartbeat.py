"""Progress of long work: one line on stderr every few seconds."""

import threading
import time
from contextlib import suppress
from types import TracebackType

from tui.terminal import output

EVERY_SECONDS = 5.0


class Progress:
    """Notes the current activity every few seconds, while entered; short work has no line."""

    def __init__(self, what: str, every_seconds: float = EVERY_SECONDS) -> None:
        self._every_seconds = every_seconds
        self._left = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.update(what)

    def update(self, what: str) -> None:
        """Set the current activity, such as `reading rows` or `120,000 rows`."""
        self._what, self._since = what, time.monotonic()

    def __enter__(self) -> "Progress":
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
        with suppress(OSError):  # if stderr is closed, the command's next line reports it
            while not self._left.wait(self._every_seconds):
                seconds = time.monotonic() - self._since
                behind = f", {seconds:.0f} s" if seconds >= self._every_seconds else ""
                output.note(f"… {self._what}{behind}")
