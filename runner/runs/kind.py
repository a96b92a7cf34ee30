"""Kinds of stages: what a run must know of each, without importing the stage itself."""

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
        raise ValueError("not a path in a stage's folder")
    return path


StagePath = Annotated[InnerPath, AfterValidator(_of_a_stage)]
"""The path of an artifact relative to the run folder, inside its stage's folder."""


class Made(BaseModel):
    """A file or folder that a stage produced."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")

    what: Annotated[Label, Field(min_length=1)]
    path: StagePath
    digest: Sha256
    size: SizeBytes


class ReportTable(BaseModel):
    """A table of a report. Unknown keys are kept but never read."""

    model_config = ConfigDict(strict=True, frozen=True, extra="allow")


class Report(ReportTable):
    """A stage's report in its `done.json`, validated when it is read."""

    artifacts: Annotated[list[Made], Field(max_length=limits.MOST_ARTIFACTS)] = Field(
        default_factory=list
    )
    """The stage's artifacts; empty in reports of the first version."""


class Begun(ReportTable):
    """The contents of `begun.json`, kept in the folder of a stage that was started."""

    digest: str
    """The stage's digest in the lock."""


@dataclass(frozen=True)
class Asked:
    """The options of a run, in addition to its lock."""

    runs: Path
    """The parent of the run folder."""
    allowed: Collection[str]
    """Hub repositories that may be pushed to."""
    waiting: Collection[str]
    """The ids of the stages that are not done yet."""
    places: Mapping[str, Path]
    """Local inputs by logical name, including the model's folder if it is local."""


def _nothing(lock: Lock, stage: Stage, asked: Asked) -> None:
    """Check nothing."""


def _lists_all(report: Mapping[str, Any]) -> list[dict[str, Any]]:
    return []


def _always(lock: Lock, report: Mapping[str, Any]) -> bool:
    return True


def _no_files(lock: Lock, stage: Stage) -> frozenset[str]:
    return frozenset()


@dataclass(frozen=True)
class RunKind:
    """What a run needs to know about one kind of stage."""

    report: type[Report]
    online: bool = False
    """Whether it may access the Hub; other stages get no token, endpoint or proxy."""
    reads_base: bool = False
    """Whether it reads the base model's files."""
    reads_base_untrained: bool = False
    """Whether it reads them in a lock that trains nothing."""
    trains: bool = False
    """Whether it needs the training packages and the lock's device."""
    remade: bool = True
    """Whether a damaged result is made again without being asked for."""
    tensors: str = ""
    """The folder of its result that holds tensors; empty for none."""
    target: str = ""
    """The setting that names where it sends results, with the person's consent; empty where
    nothing leaves the machine."""
    publishes: bool = False
    """Whether its files are those of the run, and are put into the run folder."""
    check: Callable[[Lock, Stage, Asked], None] = _nothing
    """Checks before the run. Raises a TunelockError for what would fail later."""
    serves: Callable[[Lock, Mapping[str, Any]], bool] = _always
    """Whether a finished stage with this report serves a lock with the same digest."""
    unlisted: Callable[[Mapping[str, Any]], list[dict[str, Any]]] = _lists_all
    """Returns the artifacts of a report that lists none, as the first version of reports had it,
    besides tensors."""
    sends: Callable[[Lock, Stage], frozenset[str]] = _no_files
    """Returns the names of the files of its result that a push sends, besides a model's."""


def of_kind(name: str) -> RunKind:
    """Return the record of a kind of stage."""
    found: RunKind = import_module(f"runner.stage_kinds.{name}").KIND
    return found
