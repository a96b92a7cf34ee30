"""What a run must know of a kind of stage without loading what the stage itself needs."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from lockfiles import limits
from lockfiles.fields import InnerPath, Label, Sha256, SizeBytes
from lockfiles.lock import Lock, Stage

Count = Annotated[int, Field(ge=0, le=1 << 60)]
Tensors = Literal["adapter", "merged"]


def _of_a_stage(path: str) -> str:
    if len(PurePosixPath(path).parts) != 3 or not path.startswith("stages/"):
        raise ValueError("a file of no stage")
    return path


StagePath = Annotated[InnerPath, AfterValidator(_of_a_stage)]
"""Of a file or folder that a stage left, relative to the run folder, and inside the stage's own."""


class Made(BaseModel):
    """A file or folder that a stage left."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")

    what: Annotated[Label, Field(min_length=1)]
    path: StagePath
    digest: Sha256
    size: SizeBytes


class ReportTable(BaseModel):
    """A table of a report. Keys that are not named are kept, and nothing reads them."""

    model_config = ConfigDict(strict=True, frozen=True, extra="allow")


class Report(ReportTable):
    """What a stage reports in its `done.json`, checked where it is read."""

    artifacts: Annotated[list[Made], Field(max_length=limits.MOST_ARTIFACTS)] = Field(
        default_factory=list
    )
    """What the stage left; a report from before it was reported lacks them."""


class Begun(ReportTable):
    """What is kept beside a stage that was begun."""

    digest: str
    """The lock's, of the stage."""


@dataclass(frozen=True)
class Asked:
    """What a run is asked to do, beside its lock."""

    runs: Path
    """Where its folder will be."""
    allowed: Collection[str]
    """Hub repositories that the person allows a push to."""
    waiting: Collection[str]
    """The ids of the stages that are still to do."""
    places: Mapping[str, Path]
    """Local inputs by logical name, the model's folder among them where it is here."""


def _nothing(lock: Lock, stage: Stage, asked: Asked) -> None:
    """Find nothing that could fail late."""


def _any_base(model: Path, trains: bool) -> None:
    """Work on every base model."""


def _lists_all(report: Mapping[str, Any]) -> list[dict[str, Any]]:
    return []


def _no_files(lock: Lock, stage: Stage) -> frozenset[str]:
    return frozenset()


@dataclass(frozen=True)
class RunKind:
    """One kind of stage, as far as a run depends on it."""

    report: type[Report]
    online: bool = False
    """Whether it may speak to the Hub; others get no token, endpoint or proxy."""
    reads_base: bool = False
    """Whether it reads the base model's files."""
    reads_base_untrained: bool = False
    """Whether it reads them in a lock that trains nothing."""
    trains: bool = False
    """Whether it needs the training packages and the lock's device."""
    tensors: str = ""
    """The folder of its result in which it leaves tensors; empty for none."""
    target: str = ""
    """The setting that names where it sends results, with the person's consent; empty where
    nothing leaves the machine."""
    publishes: bool = False
    """Whether its files are those of the run, and are put into the run folder."""
    check: Callable[[Lock, Stage, Asked], None] = _nothing
    """Refuses what would fail late. Raises a TunelockError."""
    check_base: Callable[[Path, bool], None] = _any_base
    """Refuses a base model, by its folder, that it cannot work on; the second argument says whether
    the model is trained and saved before. Raises a TunelockError."""
    unlisted: Callable[[Mapping[str, Any]], list[dict[str, Any]]] = _lists_all
    """Returns the artifacts of a report that lists none, as the first version of reports had it,
    besides tensors."""
    sends: Callable[[Lock, Stage], frozenset[str]] = _no_files
    """Returns the names of the files of its result that a push sends, besides a model's."""


def of_kind(name: str) -> RunKind:
    """Return the record of a kind of the lock's closed table."""
    found: RunKind = import_module(f"runner.stage_kinds.{name}").KIND
    return found
