"""`run.lock`, version 1: every value of a run, resolved. The only input of the runner.

Tables stand in the order of the fields here, and keys in the order of theirs. Nothing in a lock
is a time, a host, an absolute path or a secret; a local file stands in it under a logical name.
A lock is input from elsewhere: every key has a type and bounds, in every table, and what the
tables say together is looked at too (`lockfiles.sense`). A key or a value that this program does
not know is a refusal.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn, Self

from pydantic import ModelWrapValidatorHandler, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from lockfiles import files, refusal, sense
from lockfiles import text as toml
from lockfiles.errors import UsageProblem
from lockfiles.fields import Sha256, Table, is_data_file_name
from lockfiles.fixes import PLAN_AGAIN, Advice, Change, Command, Steps
from lockfiles.forecast import Disk, Machine, Prediction, Rejected
from lockfiles.inputs import (
    Architecture,
    Data,
    DataFile,
    Decision,
    Fix,
    Intent,
    Model,
    ModelFile,
    Template,
)
from lockfiles.revisions import migrated
from lockfiles.stages import Stage
from lockfiles.tables import REVISION, VERSION, ExportTables, TrainingTables, field_names
from lockfiles.tables import Tables as Tables
from lockfiles.training import Environment, Exactness, Method, Parallel, Stream, Train

__all__ = [
    "REVISION",
    "VERSION",
    "Architecture",
    "Data",
    "DataFile",
    "Decision",
    "Disk",
    "Environment",
    "Exactness",
    "ExportLock",
    "Fix",
    "Intent",
    "Lock",
    "Machine",
    "Method",
    "Model",
    "ModelFile",
    "Parallel",
    "Prediction",
    "Rejected",
    "Sha256",
    "Stage",
    "Stream",
    "Table",
    "Template",
    "Train",
    "TrainingLock",
    "field_names",
    "is_data_file_name",
]  # fmt: skip

LIMIT_BYTES = 4 * files.MIB
"""The most that a lock has: 10,000 files of a dataset take half of it."""

HEADER = "Written by `tunelock plan run.toml`, which also writes it again. Do not edit."
_AGAIN = Command("tunelock plan run.toml")


_OF_TRAINING = TrainingTables.model_fields.keys() - ExportTables.model_fields.keys()


class Lock(Tables):
    """A whole run, in words, that agrees with itself: a `TrainingLock` or an `ExportLock`."""

    def training(self) -> "TrainingLock":
        """Return this lock as one that trains. Raises UsageProblem where it trains nothing."""
        if isinstance(self, TrainingLock):
            return self
        raise UsageProblem(
            "This lock trains nothing: it exports the base model.",
            fix=Steps((Change("data.train", "a file of rows"), PLAN_AGAIN)),
        )

    @model_validator(mode="before")
    @classmethod
    def _of_earlier_revisions(cls, tables: Any) -> Any:
        return migrated(tables) if isinstance(tables, dict) else tables

    @model_validator(mode="after")
    def _agrees(self) -> "Lock":
        for field, words in sense.contradictions(self):
            raise PydanticCustomError(
                refusal.CONTRADICTION, "{words}", {"field": field, "words": words}
            )
        return self

    @model_validator(mode="wrap")
    @classmethod
    def _of_its_kind(cls, tables: Any, handler: ModelWrapValidatorHandler[Self]) -> "Lock":
        """A lock with any table of training must have all of them."""
        if cls is not Lock or isinstance(tables, Lock):
            return handler(tables)
        return _kind_of(tables).model_validate(tables)


class TrainingLock(TrainingTables, Lock):
    """A lock that trains."""


class ExportLock(ExportTables, Lock):
    """A lock that trains nothing, and exports the base model."""


def _kind_of(tables: object) -> type[Lock]:
    trains = isinstance(tables, Mapping) and not _OF_TRAINING.isdisjoint(tables)
    return TrainingLock if trains else ExportLock


def write(lock: Lock) -> str:
    """Return the canonical text of a lock."""
    return toml.write(lock.model_dump(), header=HEADER)


def of_tables(tables: Mapping[str, object]) -> Lock:
    """Return the lock of some tables.

    Raises UsageProblem where a value has no place in a lock: what a plan found in a model, in
    rows or on a machine is no less foreign than a lock.
    """
    try:
        return Lock.model_validate(tables)
    except ValidationError as problem:
        found = refusal.fault(problem, _kind_of(tables))
    raise UsageProblem(
        f"No lock can be written of this plan: `{found.key}` {found.words}.",
        fix=Advice("change what `run.toml` names, or the file that the value comes from"),
    )


def parse(source: str, *, name: str = "run.lock") -> Lock:
    """Return the lock in `source`.

    Raises UsageProblem for text that is no TOML, a newer version or revision, an unknown or
    missing key (named with its line and the nearest known key), a value outside its range and
    values that contradict each other. Takes time and memory by the length of `source`.
    """
    table = toml.parse(source, name=name, limit_bytes=LIMIT_BYTES)
    _check_version(table, name)
    try:
        return Lock.model_validate(table)
    except ValidationError as problem:
        _refuse(refusal.fault(problem, _kind_of(table)), source, name)


def read(path: Path) -> Lock:
    """Read a lock from disk; see `parse`."""
    return parse(toml.read(path, limit_bytes=LIMIT_BYTES), name=str(path))


def _check_version(table: Mapping[str, object], name: str) -> None:
    for what, most in (("version", VERSION), ("revision", REVISION)):
        stated = table.get(what)
        if isinstance(stated, int) and not isinstance(stated, bool) and most < stated < 1_000_000:
            raise UsageProblem(
                f"`{name}` is a lock of {what} {stated}, and this program reads up to {what} "
                f"{most}.",
                fix=Command("pip install --upgrade tunelock"),
            )


def _refuse(fault: refusal.Fault, source: str, name: str) -> NoReturn:
    lines = toml.key_lines(source)
    outer, _, item = fault.place.rpartition(".")
    line = lines.get(fault.place) or (lines.get(outer) if item.isdecimal() else None)
    where = f"`{fault.key}` on line {line} of `{name}`" if line else f"`{fault.key}` of `{name}`"
    if fault.key.startswith("exactness.environment") and "unknown key" in fault.words:
        raise UsageProblem(
            f"{where} is no variable that a lock can set: those of the processes that compute "
            "come from Tunelock and from you.",
            fix=_AGAIN,
        )
    raise UsageProblem(f"{where} {fault.words}.", fix=_AGAIN)
