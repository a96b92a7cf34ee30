"""The list of stages: symbol, name and state."""

from tui.dashboard.panel import Panel
from tui.snapshot import Snapshot, Stage
from tui.snapshot.narrator import clean, duration
from tui.snapshot.summary import SYMBOLS


class Stages(Panel):
    """Every stage of the run; if they do not all fit, those around the current one."""

    def lines(self, snapshot: Snapshot, width: int, height: int) -> list[str]:
        names = [stage.name for stage in snapshot.stages]
        current = names.index(snapshot.stage) if snapshot.stage in names else 0
        first = max(0, min(current - height // 2, len(names) - height))
        return [_line(snapshot, stage) for stage in snapshot.stages[first : first + height]]


def _line(snapshot: Snapshot, stage: Stage) -> str:
    seconds = snapshot.seconds(stage)
    if stage.state == "done":
        line = duration(seconds) if seconds is not None else "done"
    else:
        line = stage.state
    return f"{SYMBOLS[stage.state]} {clean(stage.name, 10):<10} {line}"
