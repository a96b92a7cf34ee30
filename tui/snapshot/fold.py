"""From events to a snapshot, one event at a time; unknown events change nothing."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from lockfiles.errors import RunFailed, TunelockError
from runner.runs.events import Event
from tui.snapshot.facts import Artifact, Failure, Progress, Sample, Snapshot, Stage, empty

RUN = "run"
"""The stage name of the supervisor's own events."""
_KEPT_SAMPLES = 6
_KEPT_WARNINGS = 20
_MOST_STAGES = 64
_KEPT_ARTIFACTS = 64
_KEPT_DETAILS = 20
_MOST_CHARS = 4000
_MOST_WHOLE = 1 << 62
_EXIT_CODES = frozenset(kind.exit_code for kind in TunelockError.__subclasses__())


def fold(snapshot: Snapshot, events: Iterable[Event]) -> Snapshot:
    """Return the snapshot after some more events."""
    for event in events:
        snapshot = replace(_handler(snapshot, event)(snapshot, event), last_time=event.time)
    return snapshot


def _handler(snapshot: Snapshot, event: Event) -> "_Handler":
    """Return the handler of an event; those of stages beyond the maximum number are ignored."""
    if event.stage == RUN:
        return _OF_RUN.get(event.kind, _ignore)
    full = len(snapshot.stages) >= _MOST_STAGES
    if full and all(stage.name != event.stage for stage in snapshot.stages):
        return _ignore
    return _OF_STAGE.get(event.kind, _ignore)


def _ignore(snapshot: Snapshot, event: Event) -> Snapshot:
    return snapshot


def _run_started(snapshot: Snapshot, event: Event) -> Snapshot:
    """Start a new attempt: finished stages stay done, all others wait again."""
    named = event.fields.get("stages")
    texts = [name for name in named if isinstance(name, str)] if isinstance(named, list) else []
    names = list(dict.fromkeys(name[:_MOST_CHARS] for name in texts[:_MOST_STAGES]))
    kinds = _kinds(names, event.fields.get("kinds"))
    known = {stage.name: stage for stage in snapshot.stages}
    stages = tuple(
        known[name]
        if name in known and known[name].state == "done"
        else Stage(name, kind=kinds.get(name, ""))
        for name in names or known
    )
    return replace(
        snapshot, stages=stages, stage="", progress=None, failure=None, finished=False,
        eta_seconds=None, stalled_seconds=None,
    )  # fmt: skip


def _kinds(names: Sequence[str], kinds: object) -> dict[str, str]:
    """Return the kind of each stage; empty in events of older versions."""
    if not isinstance(kinds, list) or len(kinds) != len(names):
        return {}
    return {name: kind for name, kind in zip(names, kinds, strict=True) if isinstance(kind, str)}


def _run_done(snapshot: Snapshot, event: Event) -> Snapshot:
    """Mark every stage as done, including those that were skipped."""
    stages = tuple(replace(stage, state="done") for stage in snapshot.stages)
    return replace(
        snapshot, stages=stages, finished=True, failure=None, progress=None, eta_seconds=None,
        stalled_seconds=None,
    )  # fmt: skip


def _run_failed(snapshot: Snapshot, event: Event) -> Snapshot:
    before = snapshot.failure
    failure = _failure(event)
    if before is not None:
        failure = replace(
            failure, stage=before.stage, message=failure.message or before.message,
            hint=failure.hint or before.hint, details=failure.details or before.details,
        )  # fmt: skip
    stages = tuple(
        replace(stage, state=failure.state) if stage.state == "running" else stage
        for stage in snapshot.stages
    )
    return replace(
        snapshot, stages=stages, failure=failure, finished=True, progress=None, eta_seconds=None,
        stalled_seconds=None,
    )  # fmt: skip


def _started(snapshot: Snapshot, event: Event) -> Snapshot:
    """Restart a stage: those after it will run again too. A training that resumes has no step of
    its own yet."""
    snapshot = _without_training(snapshot, event.stage)
    names = [stage.name for stage in snapshot.stages]
    place = names.index(event.stage) if event.stage in names else len(names)
    known = _stage(snapshot, event.stage)
    begun = Stage(event.stage, "running", event.time, kind=known.kind)
    if begun.trains:
        snapshot = replace(
            snapshot, step=None, loss=None, learning_rate=None, tokens_per_second=None,
            memory_bytes=None,
        )  # fmt: skip
    later = tuple(Stage(one.name, kind=one.kind) for one in snapshot.stages[place + 1 :])
    return replace(
        snapshot, stages=(*snapshot.stages[:place], begun, *later), stage=event.stage,
        progress=None, eta_seconds=None, failure=None, stalled_seconds=None,
    )  # fmt: skip


def _without_training(snapshot: Snapshot, begun: str) -> Snapshot:
    """If a finished stage up to training starts again, forget the last attempt's training."""
    stages = snapshot.stages
    place = next((at for at, stage in enumerate(stages) if stage.name == begun), len(stages))
    again = any(stage.state == "done" for stage in stages[place:])
    if not again or not any(stage.trains for stage in stages[place:]):
        return snapshot
    return replace(empty(snapshot.name), stages=stages, predicted_bytes=snapshot.predicted_bytes)


def _done(snapshot: Snapshot, event: Event) -> Snapshot:
    seconds = _number(event.fields, "seconds")
    stage = replace(_stage(snapshot, event.stage), state="done", seconds=seconds)
    return replace(_with(snapshot, stage), progress=None, eta_seconds=None)


def _failed(snapshot: Snapshot, event: Event) -> Snapshot:
    failure = _failure(event)
    stage = replace(_stage(snapshot, event.stage), state=failure.state)
    return replace(_with(snapshot, stage), failure=failure, progress=None, eta_seconds=None)


def _failure(event: Event) -> Failure:
    stated = _whole(event.fields, "exit_code")
    exit_code = stated if stated in _EXIT_CODES else RunFailed.exit_code
    details_sent = event.fields.get("details")
    texts = (
        [one[:_MOST_CHARS] for one in details_sent if isinstance(one, str)]
        if isinstance(details_sent, list)
        else []
    )
    details = tuple(texts[:_KEPT_DETAILS])
    return Failure(event.stage, _text(event, "message"), _text(event, "hint"), exit_code, details)


def _progress(snapshot: Snapshot, event: Event) -> Snapshot:
    done = _number(event.fields, "done")
    if done is None:
        return snapshot
    total = _number(event.fields, "total")
    return replace(
        snapshot, progress=Progress(_text(event, "what"), done, total, _text(event, "unit"))
    )


def _step(snapshot: Snapshot, event: Event) -> Snapshot:
    step, loss = _whole(event.fields, "step"), _number(event.fields, "loss")
    if step is None:
        return snapshot
    peaks = [snapshot.peak_bytes, _whole(event.fields, "peak_bytes")]
    fields: dict[str, Any] = {
        "steps": _whole(event.fields, "steps"),
        "loss": loss,
        "learning_rate": _number(event.fields, "learning_rate"),
        "tokens_per_second": _number(event.fields, "tokens_per_second"),
        "memory_bytes": _whole(event.fields, "memory_bytes"),
        "peak_bytes": max((peak for peak in peaks if peak is not None), default=None),
        "predicted_bytes": _whole(event.fields, "predicted_bytes"),
        "eta_seconds": _number(event.fields, "eta_seconds"),
        "losses": None if loss is None else snapshot.losses.add(step, loss),
    }
    fields = {name: value for name, value in fields.items() if value is not None}
    return replace(snapshot, step=step, progress=None, **fields)


def _evaluation(snapshot: Snapshot, event: Event) -> Snapshot:
    loss, accuracy = _number(event.fields, "loss"), _number(event.fields, "accuracy")
    model = event.fields.get("model")
    if model == "base":
        return replace(snapshot, accuracy_base=accuracy)
    if model == "tuned":
        rows = _whole(event.fields, "rows")
        return replace(snapshot, accuracy_tuned=accuracy, accuracy_rows=rows)
    step = _whole(event.fields, "step")
    step = snapshot.step if step is None else step
    if loss is None or step is None:
        return snapshot
    return replace(snapshot, evaluation_loss=loss, evaluations=snapshot.evaluations.add(step, loss))


def _checkpoint(snapshot: Snapshot, event: Event) -> Snapshot:
    return replace(snapshot, checkpoint=_whole(event.fields, "step"))


def _sample(snapshot: Snapshot, event: Event) -> Snapshot:
    parts = [_text(event, name) for name in ("prompt", "answer", "wanted", "source")]
    return replace(snapshot, samples=(*snapshot.samples, Sample(*parts))[-_KEPT_SAMPLES:])


def _warning(snapshot: Snapshot, event: Event) -> Snapshot:
    if event.fields.get("of_attempt") is True:
        return snapshot
    warnings = (*snapshot.warnings, _text(event, "text"))
    stalled = _number(event.fields, "stalled_seconds")
    if stalled is None:
        stalled = snapshot.stalled_seconds
    return replace(
        snapshot,
        warnings=warnings[-_KEPT_WARNINGS:],
        stalled_seconds=stalled if (stalled or 0.0) > 0 else None,
    )


def _artifact(snapshot: Snapshot, event: Event) -> Snapshot:
    path = _text(event, "path")
    artifact = Artifact(_text(event, "what"), path, _whole(event.fields, "size_bytes"))
    others = (other for other in snapshot.artifacts if other.path != path)
    return replace(snapshot, artifacts=(*others, artifact)[-_KEPT_ARTIFACTS:])


def _stage(snapshot: Snapshot, name: str) -> Stage:
    return next((stage for stage in snapshot.stages if stage.name == name), Stage(name))


def _with(snapshot: Snapshot, stage: Stage) -> Snapshot:
    names = [known.name for known in snapshot.stages]
    if stage.name not in names:
        return replace(snapshot, stages=(*snapshot.stages, stage))
    stages = tuple(stage if known.name == stage.name else known for known in snapshot.stages)
    return replace(snapshot, stages=stages)


def _number(fields: Mapping[str, Any], name: str) -> float | None:
    value = fields.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value)


def _whole(fields: Mapping[str, Any], name: str) -> int | None:
    value = _number(fields, name)
    return int(value) if value is not None and 0 <= value <= _MOST_WHOLE else None


def _text(event: Event, name: str) -> str:
    value = event.fields.get(name)
    return value[:_MOST_CHARS] if isinstance(value, str) else ""


_Handler = Callable[[Snapshot, Event], Snapshot]
_OF_RUN: dict[str, _Handler] = {
    "started": _run_started, "done": _run_done, "failed": _run_failed, "warning": _warning,
    "artifact": _artifact,
}  # fmt: skip
_OF_STAGE: dict[str, _Handler] = {
    "started": _started, "progress": _progress, "done": _done, "failed": _failed, "step": _step,
    "evaluation": _evaluation, "sample": _sample, "warning": _warning, "artifact": _artifact,
    "checkpoint": _checkpoint,
}  # fmt: skip
