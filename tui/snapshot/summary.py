"""A run in a few lines: for `tunelock status`, and after the dashboard closes."""

from pathlib import Path

from lockfiles.harmless import named
from lockfiles.measured import answers_right
from tui.snapshot import Snapshot, Stage
from tui.snapshot.narrator import (
    artifact_words,
    clean,
    duration,
    measured,
    memory,
    percent,
    progress_words,
    step_words,
)
from tui.terminal import fit
from tui.terminal.fit import first_fitting, left_out, less, sentence

SYMBOLS = {"waiting": " ", "running": "▸", "done": "✓", "failed": "✗", "stopped": "‖"}


def summary(
    snapshot: Snapshot,
    state: str,
    *,
    now: float | None = None,
    folder: Path | None = None,
    columns: int | None = None,
) -> list[str]:
    """Return the run's state, stages, measurements and artifacts.

    With `now` (seconds since the epoch) it includes how long ago the last event was, and how long a
    running stage has taken until then; with `folder` the paths of artifacts begin with it. The
    lines fit `columns`, if given, except for words that are longer, paths and hints.
    """
    name, heard = named(clean(snapshot.name)), _heard(snapshot, state, now)
    lines = fit.named(name, [state, *filter(None, [heard])], columns)
    room = less(columns, "  ")
    lines += [f"  {_with_detail(snapshot, one, now, room)}" for one in snapshot.stages]
    trained = any(stage.trains and stage.state == "done" for stage in snapshot.stages)
    peak = measured(snapshot) if trained else memory(snapshot)
    for words in filter(None, (peak, answered(snapshot) or accuracy(snapshot))):
        lines += sentence(f"  {words}", columns)
    for artifact in snapshot.artifacts:
        inside = folder if "://" not in artifact.path else None
        path = str(inside / artifact.path) if inside else artifact.path
        lines.append(f"  {artifact_words(artifact, path, less(columns, '  '))}")
    for text in snapshot.warnings[-3:]:
        lines += sentence(f"  warning: {clean(text)}", columns)
    if snapshot.failure is not None and state != "running":
        failure = snapshot.failure
        said = f"  {clean(failure.stage)}: {clean(failure.message) or 'no reason given'}"
        for line in (said, *(f"    {clean(line)}" for line in failure.details)):
            lines += sentence(line, columns)
        lines += [f"  hint: {clean(failure.hint)}"] if failure.hint else []
    return lines


def stage_line(snapshot: Snapshot, stage: Stage, now: float | None = None) -> str:
    """Return a stage's symbol, name, state and duration, so far if it is running."""
    seconds = snapshot.seconds(stage, now)
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


def _with_detail(snapshot: Snapshot, stage: Stage, now: float | None, columns: int | None) -> str:
    line = stage_line(snapshot, stage, now)
    if stage.name != snapshot.stage or stage.state == "done":
        return line
    room = less(columns, line, "  ")
    words = progress_words(snapshot, room)
    if not words and stage.trains:
        before = "starting" if stage.state == "running" else ""
        words = before if snapshot.step is None else step_words(snapshot, room)
    return first_fitting(left_out([line, words], [1]), columns)


def _heard(snapshot: Snapshot, state: str, now: float | None) -> str:
    if now is None or snapshot.last_time is None or state in ("done", "failed"):
        return ""
    return f"(last event {duration(max(0.0, now - snapshot.last_time))} ago)"
