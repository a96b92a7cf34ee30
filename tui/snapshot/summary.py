"""A run in a few lines: for `tunelock status`, and after the dashboard closes."""

from pathlib import Path

from lockfiles.harmless import named
from lockfiles.measured import answers_right
from tui.snapshot import Snapshot, Stage
from tui.snapshot.narrator import (
    clean,
    duration,
    measured,
    memory,
    percent,
    progress_words,
    step_words,
)
from tui.terminal.units import size

SYMBOLS = {"waiting": " ", "running": "▸", "done": "✓", "failed": "✗", "stopped": "‖"}


def summary(
    snapshot: Snapshot, state: str, *, now: float | None = None, folder: Path | None = None
) -> list[str]:
    """Return the run's state, stages, measurements and artifacts.

    With `now` (seconds since the epoch) it includes how long ago the last event was; with `folder`
    the paths of artifacts begin with it.
    """
    lines = [f"{named(clean(snapshot.name))}  {state}{_heard(snapshot, state, now)}"]
    lines += [
        f"  {stage_line(snapshot, stage)}{_detail(snapshot, stage)}" for stage in snapshot.stages
    ]
    trained = any(stage.trains and stage.state == "done" for stage in snapshot.stages)
    peak = measured(snapshot) if trained else memory(snapshot)
    lines += [f"  {words}" for words in (peak, answered(snapshot) or accuracy(snapshot)) if words]
    for artifact in snapshot.artifacts:
        bytes_ = f"  {size(artifact.size_bytes)}" if artifact.size_bytes else ""
        inside = folder if "://" not in artifact.path else None
        path = str(inside / artifact.path) if inside else artifact.path
        lines.append(f"  {clean(artifact.what)}: {clean(path)}{bytes_}")
    lines += [f"  warning: {clean(text)}" for text in snapshot.warnings[-3:]]
    if snapshot.failure is not None and state != "running":
        failure = snapshot.failure
        lines.append(f"  {clean(failure.stage)}: {clean(failure.message) or 'no reason given'}")
        lines += [f"    {clean(line)}" for line in failure.details]
        lines += [f"  hint: {clean(failure.hint)}"] if failure.hint else []
    return lines


def stage_line(snapshot: Snapshot, stage: Stage) -> str:
    """Return a stage's symbol, name, state and duration."""
    seconds = snapshot.seconds(stage)
    time = f"  {duration(seconds)}" if seconds is not None else ""
    return f"{SYMBOLS[stage.state]} {clean(stage.name, 12):<9} {stage.state:<7}{time}".rstrip()


def accuracy(snapshot: Snapshot) -> str:
    """Return `accuracy 41.0 % → 92.5 %`, or the known part of it."""
    base, tuned = snapshot.accuracy_base, snapshot.accuracy_tuned
    if base is not None and tuned is not None:
        return f"accuracy {percent(base)} → {percent(tuned)}"
    if base is not None:
        return f"accuracy of the base model {percent(base)}"
    return f"accuracy of the tuned model {percent(tuned)}" if tuned is not None else ""


def answered(snapshot: Snapshot) -> str:
    """Return `93.1% of 450 held-out rows are answered correctly; before training 0%`."""
    if snapshot.accuracy_tuned is None:
        return ""
    return answers_right(snapshot.accuracy_tuned, snapshot.accuracy_base, snapshot.accuracy_rows)


def _detail(snapshot: Snapshot, stage: Stage) -> str:
    if stage.name != snapshot.stage or stage.state == "done":
        return ""
    words = progress_words(snapshot)
    if not words and snapshot.step is not None and stage.trains:
        words = step_words(snapshot)
    return f"  {words}" if words else ""


def _heard(snapshot: Snapshot, state: str, now: float | None) -> str:
    if now is None or snapshot.last_time is None or state in ("done", "failed"):
        return ""
    return f"  (last event {duration(max(0.0, now - snapshot.last_time))} ago)"
