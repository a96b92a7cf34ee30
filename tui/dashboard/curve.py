"""The training loss by step, with the validation loss on the same axes."""

from tui.dashboard.panel import Panel
from tui.dashboard.plot import plot
from tui.snapshot import Snapshot


class LossCurve(Panel):
    """Training loss as a line, validation loss as `o`."""

    def lines(self, snapshot: Snapshot, width: int, height: int) -> list[str]:
        losses, evaluations = snapshot.losses.points, snapshot.evaluations.points
        if not losses and not evaluations:
            return ["no steps yet"]
        legend = "⠒ training loss   o validation loss" if evaluations else "⠒ training loss"
        return [*plot(losses, width, height - 1, evaluations), legend.center(width).rstrip()]
