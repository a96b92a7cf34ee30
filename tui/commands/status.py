"""`tunelock status [RUN]`: a run as it stands now, in a few lines or as JSON."""

import math
import time
from dataclasses import asdict
from pathlib import Path
from typing import Literal

import click

from runner.folder import is_held
from tui import output, watching
from tui.dashboard.summary import summary
from tui.snapshot import Snapshot

State = Literal["waiting", "running", "stopped", "failed", "done"]


@click.command(name="status")
@click.argument("run", required=False, type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print the state as JSON.")
def command(run: Path | None, as_json: bool) -> None:
    """Say how RUN stands, a run folder (by default the newest in ./runs)."""
    folder = watching.find(run)
    held = is_held(folder)
    snapshot = watching.snapshot_of(folder)
    if as_json:
        output.data_json({"run": str(folder), **facts(snapshot, held=held)})
    else:
        now = state(snapshot, held=held)
        output.lines(summary(snapshot, now, now=time.time()))


def state(snapshot: Snapshot, *, held: bool) -> State:
    """Return how a run stands; `held` says whether a process works on it."""
    if held:
        return "running"
    if snapshot.failure is not None:
        return "stopped" if snapshot.failure.state == "stopped" else "failed"
    if snapshot.finished:
        return "done"
    return "waiting" if snapshot.last_time is None else "stopped"


def facts(snapshot: Snapshot, *, held: bool) -> dict[str, object]:
    """Return the run's state as JSON values; a number that is not finite becomes null."""
    return {
        "state": state(snapshot, held=held),
        "stage": snapshot.stage or None,
        "stages": [asdict(stage) for stage in snapshot.stages],
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


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
