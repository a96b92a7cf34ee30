"""`tunelock status [RUN]`: the state of a run, in a few lines or as JSON."""

import math
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Literal

import click

from lockfiles.errors import UsageProblem
from lockfiles.harmless import named
from runner.runs.holders import Supervision, look
from tui.follow import follow
from tui.snapshot import Artifact, Progress, Snapshot
from tui.snapshot.narrator import clean, duration
from tui.snapshot.summary import summary
from tui.terminal import fit, output
from tui.terminal.fit import columns_of, less, sentence
from tui.text import ending
from tui.text.ending import was_killed

State = Literal["waiting", "running", "stalled", "ending", "stopped", "failed", "done"]
"""`stalled`: a process of the run is suspended or hung; `ending`: its supervisor was killed, and
its stage process is ending."""
_MOST_OTHERS = 10
"""Maximum number of further runs that are listed."""


@click.command(name="status")
@click.argument("run", required=False, type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print the state as JSON.")
def command(run: Path | None, as_json: bool) -> None:
    """Show the state of RUN, a run folder (default: the newest in ./runs, and a list of others)."""
    folder = follow.find(run)
    others = [one for one in follow.runs_in(folder.parent) if one != folder] if run is None else []
    found = look(folder)
    supervision = found.supervision if found.held else "heard"
    snapshot = with_receipt(folder, follow.snapshot_of(folder))
    if as_json:
        values = facts(snapshot, held=found.held, supervision=supervision)
        listed = [_listed(one) for one in others[:_MOST_OTHERS]]
        output.data_json({"run": str(folder), **values, "others": listed})
    else:
        now = state(snapshot, held=found.held, supervision=supervision)
        killed = was_killed(snapshot, held=found.held)
        snapshot = as_it_stands(snapshot, now)
        word = ending.KILLED if killed else now
        columns, near = columns_of(sys.stdout), ending.near(folder)
        output.lines(summary(snapshot, word, now=time.time(), folder=near, columns=columns))
        if words := follow.SUPERVISOR_WORDS[supervision]:
            output.lines(sentence(f"  warning: {words}", columns))
        room = less(columns, "  ")
        after = ending.lines(folder, snapshot, held=found.held, columns=room)
        output.lines(f"  {line}" for line in after)
        output.lines(_others(others, columns))


def _others(folders: Sequence[Path], columns: int | None) -> list[str]:
    """Return a line for each further run: its name, its state, and when its last event was, which
    is left out where it does not fit."""
    found = [_listed(one) for one in folders[:_MOST_OTHERS]]
    rows = [(named(clean(str(one["run"]))), _word(one), _ago(one)) for one in found]
    width = max((len(row[0]) for row in rows), default=0)
    lines = []
    for name, now, when in rows:
        line = f"  {name:<{width}}  {now:<8}  {when}".rstrip()
        apart = fit.named(f"  {name}", [now, *filter(None, [when])], columns)
        lines += [line] if fit.fits(line, columns) else apart
    more = [f"  and {len(folders) - _MOST_OTHERS} more"] if folders[_MOST_OTHERS:] else []
    return ["other runs, newest first:", *lines, *more] if lines else []


def _word(one: Mapping[str, object]) -> str:
    return ending.KILLED if one["killed"] else str(one["state"])


def _ago(one: Mapping[str, object]) -> str:
    last = one["last_time"]
    return f"{duration(max(0.0, time.time() - last))} ago" if isinstance(last, float) else ""


def _listed(folder: Path) -> dict[str, object]:
    """Return a run's folder, state and last event; `unreadable` where its events cannot be read."""
    try:
        found, snapshot = look(folder), follow.snapshot_of(folder)
    except UsageProblem:
        return {"run": str(folder), "state": "unreadable", "killed": False, "last_time": None}
    now: str = state(snapshot, held=found.held, supervision=found.supervision)
    killed = was_killed(snapshot, held=found.held)
    return {"run": str(folder), "state": now, "killed": killed, "last_time": snapshot.last_time}


def with_receipt(folder: Path, snapshot: Snapshot) -> Snapshot:
    """Return a finished run with the artifacts of its receipt, and others from its events."""
    if not snapshot.finished or snapshot.failure is not None:
        return snapshot
    from lockfiles import receipt
    from runner.runs.safe_folder import OwnFolder

    try:
        with OwnFolder.open(folder, ours=False) as own:
            content = own.read("receipt.json", receipt.LIMIT_BYTES)
        made = receipt.parse(content, folder / "receipt.json")
    except (OSError, UsageProblem):
        return snapshot
    left = tuple(Artifact(one.what, one.path, one.size) for one in made.artifacts)
    paths = {one.path for one in left}
    others = tuple(one for one in snapshot.artifacts if one.path not in paths)
    return replace(snapshot, artifacts=(*left, *others))


def state(snapshot: Snapshot, *, held: bool, supervision: Supervision = "heard") -> State:
    """Return the state of a run; `held` says whether a process works on it."""
    if held:
        if supervision == "gone":
            return "ending"
        stalled = supervision == "silent" or snapshot.stalled_seconds is not None
        return "stalled" if stalled else "running"
    if snapshot.failure is not None:
        return "stopped" if snapshot.failure.state == "stopped" else "failed"
    if snapshot.finished:
        return "done"
    return "waiting" if snapshot.last_time is None else "stopped"


def as_it_stands(snapshot: Snapshot, now: State) -> Snapshot:
    """Return a run without the remaining time of its last events, if no process works on it."""
    if now == "running":
        return snapshot
    stages = snapshot.stages
    if now == "stopped" or now == "failed":
        stages = tuple(
            replace(stage, state=now) if stage.state == "running" else stage for stage in stages
        )
    return replace(snapshot, stages=stages, eta_seconds=None)


def facts(
    snapshot: Snapshot, *, held: bool, supervision: Supervision = "heard"
) -> dict[str, object]:
    """Return the run's state as JSON values; a number that is not finite becomes null."""
    now = state(snapshot, held=held, supervision=supervision)
    snapshot = as_it_stands(snapshot, now)
    return {
        "state": now,
        "killed": was_killed(snapshot, held=held),
        "supervisor": supervision if held else None,
        "stalled_seconds": _finite(snapshot.stalled_seconds) if held else None,
        "stage": snapshot.stage or None,
        "stages": [asdict(stage) for stage in snapshot.stages],
        "progress": _progress(snapshot.progress),
        "checkpoint": snapshot.checkpoint,
        "step": snapshot.step,
        "steps": snapshot.steps,
        "loss": _finite(snapshot.loss),
        "evaluation_loss": _finite(snapshot.evaluation_loss),
        "learning_rate": _finite(snapshot.learning_rate),
        "tokens_per_second": _finite(snapshot.tokens_per_second),
        "eta_seconds": _finite(snapshot.eta_seconds),
        "memory_bytes": snapshot.memory_bytes,
        "peak_bytes": snapshot.peak_bytes,
        "predicted_bytes": snapshot.predicted_bytes,
        "accuracy_base": _finite(snapshot.accuracy_base),
        "accuracy_tuned": _finite(snapshot.accuracy_tuned),
        "warnings": list(snapshot.warnings),
        "artifacts": [asdict(artifact) for artifact in snapshot.artifacts],
        "failure": asdict(snapshot.failure) if snapshot.failure else None,
        "last_time": snapshot.last_time,
    }


def _progress(progress: Progress | None) -> dict[str, object] | None:
    if progress is None:
        return None
    done, total = _finite(progress.done), _finite(progress.total)
    return {"what": progress.what, "done": done, "total": total, "unit": progress.unit}


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
