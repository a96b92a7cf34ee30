"""The log, newest entry last; or the model's last answers next to the expected ones."""

from collections import deque
from collections.abc import Iterable

from tui.dashboard.panel import Panel
from tui.snapshot import Sample, Snapshot
from tui.snapshot.narrator import clean

_KEPT_LINES = 200


class Journal(Panel):
    """The log or the samples, as the user chose."""

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id, title="Log")
        self._log: deque[str] = deque(maxlen=_KEPT_LINES)
        self.samples_shown = False

    def add(self, lines: Iterable[str]) -> None:
        """Append to the log, which is drawn at the next `show`."""
        self._log.extend(lines)

    def toggle(self) -> None:
        """Switch between the log and the samples."""
        self.samples_shown = not self.samples_shown
        self.border_title = "Samples" if self.samples_shown else "Log"
        self.refresh()

    def lines(self, snapshot: Snapshot, width: int, height: int) -> list[str]:
        if not self.samples_shown:
            return list(self._log)[-height:] if height else []
        if not snapshot.samples:
            return ["no samples yet"]
        lines = [line for sample in snapshot.samples for line in sample_lines(sample)]
        return lines[-height:] if height else []


def sample_lines(sample: Sample) -> list[str]:
    """Return a sample on three lines."""
    return [
        f"{clean(sample.source)}: {clean(sample.prompt)}",
        f"  answer: {clean(sample.answer)}",
        f"  expected: {clean(sample.wanted)}",
    ]
