"""The snapshot of a run as a frozen value."""

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
    """Its duration in seconds; None until it is done."""
    kind: str = ""
    """Its kind in the lock; empty in events of older versions, where the name is the kind."""

    @property
    def trains(self) -> bool:
        """Whether this is the stage that trains."""
        return (self.kind or self.name) == "train"


@dataclass(frozen=True)
class Progress:
    """The current stage's progress before and between training steps."""

    what: str
    done: float
    total: float | None
    """None if unknown."""
    unit: str


@dataclass(frozen=True)
class Curve:
    """Values by step, evenly thinned to at most `CURVE_POINTS`."""

    points: tuple[tuple[int, float], ...] = ()
    stride: int = 1
    """One of this many values is kept."""
    count: int = 0
    """The number of values so far."""

    def add(self, step: int, value: float) -> "Curve":
        """Return the curve with one more value; an earlier step drops the values after it."""
        points = self.points
        while points and points[-1][0] >= step:
            points = points[:-1]
        stride = self.stride
        if self.count % stride == 0:
            points = (*points, (step, value))
        if len(points) > CURVE_POINTS:
            points, stride = points[::2], stride * 2
        return Curve(points, stride, self.count + 1)


@dataclass(frozen=True)
class Sample:
    """One answer of a model, next to the expected one."""

    prompt: str
    answer: str
    wanted: str
    source: str
    """The model that answered: `tuned`, `q8_0`."""


@dataclass(frozen=True)
class Artifact:
    """A file that the run produced."""

    what: str
    path: str
    """Relative to the run folder."""
    size_bytes: int | None


@dataclass(frozen=True)
class Failure:
    """Why a stage or the run ended early."""

    stage: str
    message: str
    hint: str
    exit_code: int
    details: tuple[str, ...] = ()
    """Further lines below the message."""

    @property
    def state(self) -> StageState:
        """`stopped` if rerunning the same command resumes the run, else `failed`."""
        resumable = (Stopped.exit_code, Interrupted.exit_code)
        return "stopped" if self.exit_code in resumable else "failed"


@dataclass(frozen=True)
class Snapshot:
    """The state of a run by its events; values without an event yet are None or empty."""

    name: str
    """The run folder's name."""
    stages: tuple[Stage, ...] = ()
    """In the lock's order."""
    stage: str = ""
    """The stage that was started last."""
    progress: Progress | None = None
    step: int | None = None
    """Optimizer steps done."""
    steps: int | None = None
    """Total optimizer steps."""
    loss: float | None = None
    """Loss of the last step, in nats per token; may be NaN."""
    losses: Curve = Curve()
    evaluation_loss: float | None = None
    evaluations: Curve = Curve()
    learning_rate: float | None = None
    tokens_per_second: float | None = None
    memory_bytes: int | None = None
    peak_bytes: int | None = None
    predicted_bytes: int | None = None
    checkpoint: int | None = None
    """The step of the last checkpoint of the training stage."""
    eta_seconds: float | None = None
    """Seconds to the end of the current stage, as of `last_time`."""
    accuracy_base: float | None = None
    """Exact match of the untuned model on held-out rows, 0 to 1."""
    accuracy_tuned: float | None = None
    """Exact match of the tuned model on the same rows, 0 to 1."""
    accuracy_rows: int | None = None
    """The number of those rows."""
    samples: tuple[Sample, ...] = ()
    """The last few."""
    warnings: tuple[str, ...] = ()
    """The last few."""
    stalled_seconds: float | None = None
    """Seconds without a heartbeat of the stage process; None while it responds."""
    artifacts: tuple[Artifact, ...] = ()
    failure: Failure | None = None
    finished: bool = False
    """True once the supervisor wrote that the run is done or failed."""
    last_time: float | None = None
    """When the last event was written, in seconds since the epoch."""

    @property
    def exit_code(self) -> int:
        """The exit code of `tunelock run` when no process works on this run."""
        if self.failure is not None:
            return self.failure.exit_code
        return 0 if self.finished else Stopped.exit_code

    @property
    def current(self) -> Stage | None:
        """The stage that was started last."""
        return next((stage for stage in self.stages if stage.name == self.stage), None)

    def seconds(self, stage: Stage, now: float | None = None) -> float | None:
        """Return the seconds that a stage took, or has taken up to `now`, in seconds since the
        epoch; without it, up to the last event."""
        if stage.seconds is not None or stage.state != "running":
            return stage.seconds
        if stage.began is None or self.last_time is None:
            return None
        return max(0.0, max(self.last_time, now or 0.0) - stage.began)


def empty(name: str) -> Snapshot:
    """Return the snapshot of a run that has no events yet."""
    return Snapshot(name)
