"""What is known of a run, as a frozen value."""

from dataclasses import dataclass
from typing import Literal

from lockfiles.errors import Interrupted, Stopped

StageState = Literal["waiting", "running", "done", "failed", "stopped"]

CURVE_POINTS = 512


@dataclass(frozen=True)
class Stage:
    """One stage of the run."""

    name: str
    state: StageState = "waiting"
    began: float | None = None
    """When it was last started, in seconds since the epoch."""
    seconds: float | None = None
    """How long it took; None until it is done."""
    kind: str = ""
    """Its kind in the lock; empty in events from before it was written, where the name says it."""

    @property
    def trains(self) -> bool:
        """Whether this is the stage that trains."""
        return (self.kind or self.name) == "train"


@dataclass(frozen=True)
class Progress:
    """How far the current stage is with what it does before and between steps."""

    what: str
    done: float
    total: float | None
    """None where it is not known."""
    unit: str


@dataclass(frozen=True)
class Curve:
    """Values by step, thinned evenly so that at most `CURVE_POINTS` are kept."""

    points: tuple[tuple[int, float], ...] = ()
    stride: int = 1
    """Every how manieth value is kept."""
    seen: int = 0
    """How many values there were."""

    def add(self, step: int, value: float) -> "Curve":
        """Return the curve with one more value; a step that goes back drops what came after it."""
        points = self.points
        while points and points[-1][0] >= step:
            points = points[:-1]
        stride = self.stride
        if self.seen % stride == 0:
            points = (*points, (step, value))
        if len(points) > CURVE_POINTS:
            points, stride = points[::2], stride * 2
        return Curve(points, stride, self.seen + 1)


@dataclass(frozen=True)
class Sample:
    """One answer of a model, beside the wanted one."""

    prompt: str
    answer: str
    wanted: str
    source: str
    """Which model answered: `tuned`, `q8_0`."""


@dataclass(frozen=True)
class Artifact:
    """A file that the run left."""

    what: str
    path: str
    """Relative to the run folder."""
    size_bytes: int | None


@dataclass(frozen=True)
class Failure:
    """Why a stage or the run ended before its end."""

    stage: str
    message: str
    hint: str
    exit_code: int
    details: tuple[str, ...] = ()
    """Further lines below the message."""

    @property
    def state(self) -> StageState:
        """`stopped` where the run goes on with the same command."""
        resumable = (Stopped.exit_code, Interrupted.exit_code)
        return "stopped" if self.exit_code in resumable else "failed"


@dataclass(frozen=True)
class Snapshot:
    """A run as its events tell it; None or empty where no event told it yet."""

    name: str
    """The run folder's name."""
    stages: tuple[Stage, ...] = ()
    """In the lock's order."""
    stage: str = ""
    """The stage that was started last."""
    progress: Progress | None = None
    step: int | None = None
    """Optimiser steps done."""
    steps: int | None = None
    """Optimiser steps in all."""
    loss: float | None = None
    """Of the last step, in nats a token; NaN is possible."""
    losses: Curve = Curve()
    evaluation_loss: float | None = None
    evaluations: Curve = Curve()
    learning_rate: float | None = None
    tokens_per_second: float | None = None
    memory_bytes: int | None = None
    peak_bytes: int | None = None
    predicted_bytes: int | None = None
    eta_seconds: float | None = None
    """To the end of the current stage, as it was at `last_time`."""
    accuracy_base: float | None = None
    """Exact match of the untuned model on held-out rows, 0 to 1."""
    accuracy_tuned: float | None = None
    """Exact match of the tuned model on the same rows, 0 to 1."""
    samples: tuple[Sample, ...] = ()
    """The last few."""
    warnings: tuple[str, ...] = ()
    """The last few."""
    stalled_seconds: float | None = None
    """How long the stage process has sent no heartbeat; None while it is heard."""
    artifacts: tuple[Artifact, ...] = ()
    failure: Failure | None = None
    finished: bool = False
    """True once the supervisor wrote that the run is done or failed."""
    last_time: float | None = None
    """When the last event was written, in seconds since the epoch."""

    @property
    def exit_code(self) -> int:
        """What `tunelock run` ends with when nobody works on this run any more."""
        if self.failure is not None:
            return self.failure.exit_code
        return 0 if self.finished else Stopped.exit_code

    @property
    def current(self) -> Stage | None:
        """The stage that was started last."""
        return next((stage for stage in self.stages if stage.name == self.stage), None)

    def seconds(self, stage: Stage) -> float | None:
        """How long a stage took, or has taken by the last event."""
        if stage.seconds is not None or stage.state != "running":
            return stage.seconds
        if stage.began is None or self.last_time is None:
            return None
        return max(0.0, self.last_time - stage.began)


def empty(name: str) -> Snapshot:
    """Return the snapshot of a run that has no events yet."""
    return Snapshot(name)
