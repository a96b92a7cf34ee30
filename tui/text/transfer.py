"""A download's progress as lines for the person, where no dashboard shows it."""

from runner.inputs.verify import OnProgress
from tui.terminal import output
from tui.terminal.units import size

_PARTS = 10
"""Lines of one download, at most."""


def noting() -> OnProgress:
    """Return what notes how far each download is; other work it passes over."""
    noted: dict[str, int] = {}

    def on_progress(what: str, done: int, total: int, unit: str) -> None:
        part = done * _PARTS // max(total, 1)
        if what.startswith("downloading") and done < total and part > noted.get(what, -1):
            noted[what] = part
            output.note(f"{what}: {size(done)} of {size(total)}")

    return on_progress
