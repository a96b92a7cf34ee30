"""What a run must know of a kind of stage without loading what the stage itself needs."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from lockfiles.lock import Lock, Stage

Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Count = Annotated[int, Field(ge=0, le=1 << 60)]


class Report(BaseModel):
    """What a stage reports in its `done.json`, checked where it is read.

    Keys that are not named are kept, and nothing reads them.
    """

    model_config = ConfigDict(strict=True, frozen=True, extra="allow")


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


@dataclass(frozen=True)
class RunKind:
    """One kind of stage, as far as a run depends on it."""

    report: type[Report]
    online: bool = False
    """Whether it may speak to the Hub; others get no token, endpoint or proxy."""
    reads_base: bool = False
    """Whether it reads the base model's files."""
    trains: bool = False
    """Whether it needs the training packages and the lock's device."""
    tensors: str = ""
    """The folder of its result in which it leaves tensors; empty for none."""
    check: Callable[[Lock, Stage, Asked], None] = _nothing
    """Refuses what would fail late. Raises a TunelockError."""


def of_kind(name: str) -> RunKind:
    """Return the record of a kind of the lock's closed table."""
    found: RunKind = import_module(f"runner.stage_kinds.{name}").KIND
    return found
