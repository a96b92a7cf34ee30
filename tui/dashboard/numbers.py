"""The current figures: progress, speed, memory and time left."""

from lockfiles.measured import against_prediction
from tui.dashboard.panel import Panel
from tui.snapshot import Snapshot
from tui.snapshot.narrator import clean, duration, percent, progress_words, rate
from tui.snapshot.summary import accuracy
from tui.terminal.units import memories

_GAP = "   "


class Numbers(Panel):
    """The stage's progress, the last step's figures and the memory bar, one line each."""

    def lines(self, snapshot: Snapshot, width: int, height: int) -> list[str]:
        bar = max(8, width // 3)
        return [
            how_far(snapshot, bar),
            _GAP.join(_losses(snapshot)),
            _GAP.join(_speed(snapshot)),
            memory_line(snapshot, width),
        ]


_TOLERATED = 0.02
"""Share by which a measured peak may exceed the prediction before this is shown."""


def how_far(snapshot: Snapshot, bar: int) -> str:
    """Return the line of the current stage, with a bar if its end is known."""
    stage = snapshot.current
    if snapshot.failure is not None:
        return f"{snapshot.failure.state}: {clean(snapshot.failure.message)}"
    if stage is None:
        return "done" if snapshot.finished else "waiting for the first stage"
    name, progress = clean(stage.name, 12), snapshot.progress
    if snapshot.stalled_seconds is not None:
        return f"{name}  stalled: no heartbeat for {duration(snapshot.stalled_seconds)} or more"
    if progress is not None and progress.total:
        return f"{name}  {_bar(progress.done / progress.total, bar)}  {progress_words(snapshot)}"
    if progress is not None:
        return f"{name}  {progress_words(snapshot)}"
    if snapshot.step is not None and stage.trains and snapshot.steps:
        share = snapshot.step / snapshot.steps
        return f"{name}  {_bar(share, bar)}  step {snapshot.step} of {snapshot.steps}"
    return f"{name}  {stage.state}"


def memory_line(snapshot: Snapshot, width: int) -> str:
    """Return a bar of current (█) and peak (▓) memory against the prediction, and the figures."""
    now, peak, predicted = snapshot.memory_bytes, snapshot.peak_bytes, snapshot.predicted_bytes
    told = peak and predicted and (snapshot.finished or peak > predicted * (1 + _TOLERATED))
    named = (("now", now), ("peak", peak), ("predicted", None if told else predicted))
    known = [(name, count) for name, count in named if count is not None]
    if not known:
        return "memory  not measured yet"
    numbers, unit = memories(*(count for _, count in known))
    figures = [f"{number} {name}" for number, (name, _) in zip(numbers, known, strict=True)]
    words = f"{', '.join(figures)} ({unit})"
    if peak and predicted and told:
        words += f", {against_prediction(peak, predicted).removeprefix('measured ')}"
    bar = max(8, min(width // 3, width - len(words) - len("memory    ")))
    whole = max(now or 0, peak or 0, predicted or 0) or 1
    full = round(bar * (now or 0) / whole)
    reached = max(full, round(bar * (peak or 0) / whole))
    return f"memory  {'█' * full}{'▓' * (reached - full)}{'░' * (bar - reached)}  {words}"


def _losses(snapshot: Snapshot) -> list[str]:
    words = [f"loss {snapshot.loss:.4f}"] if snapshot.loss is not None else []
    if snapshot.evaluation_loss is not None:
        words.append(f"validation loss {snapshot.evaluation_loss:.4f}")
    return [*words, *([line] if (line := accuracy(snapshot)) else [])]


def _speed(snapshot: Snapshot) -> list[str]:
    words = []
    if snapshot.learning_rate is not None:
        words.append(f"learning rate {rate(snapshot.learning_rate)}")
    if snapshot.tokens_per_second is not None:
        words.append(f"{snapshot.tokens_per_second:,.0f} tokens/s")
    if snapshot.eta_seconds is not None:
        words.append(f"{duration(snapshot.eta_seconds)} left")
    return words


def _bar(share: float, width: int) -> str:
    share = min(1.0, max(0.0, share))
    full = round(width * share)
    return f"{'█' * full}{'░' * (width - full)} {percent(share)}"
