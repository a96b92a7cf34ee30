"""A download's progress as lines on stderr, for commands without a dashboard."""

from runner.inputs.verify import OnProgress
from tui.terminal import output
from tui.terminal.units import size

_PARTS = 10
"""Maximum number of lines per download."""


def noting() -> OnProgress:
    """Return a callback that notes the progress of downloads and ignores other work."""
    noted: dict[str, int] = {}

    def on_progress(what: str, done: int, total: int, unit: str) -> None:
        part = done * _PARTS // max(total, 1)
        if what.startswith("downloading") and done < total and part > noted.get(what, -1):
            noted[what] = part
            output.note(f"{what}: {size(done)} of {size(total)}")

    return on_progress
