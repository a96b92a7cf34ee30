"""What a stage process is given: its lock, the paths of inputs, its folder, and its event pipe."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lockfiles import lock
from lockfiles.errors import UsageProblem
from lockfiles.fixes import Advice, Option
from lockfiles.lock import Lock
from lockfiles.stages import StageTable
from planner.data.rows.splits import SplitName
from runner.engines.engine import Engine, engine_of
from runner.inputs.model import cached
from runner.runs.folder import LOCK, place
from runner.runs.heartbeat import BEAT_SECONDS
from runner.runs.pipe import Line
from runner.runs.safe_folder import OwnFolder

_MOST_JOB_BYTES = 1 << 20


@dataclass(frozen=True)
class Context:
    """One stage of one run."""

    lock: Lock
    stage: str
    """Its id in the lock."""
    run: Path
    """The run's folder."""
    work: Path
    """This stage's working folder; renamed into place when it is done."""
    places: dict[str, Path]
    """Local inputs by logical name."""
    line: Line
    rank: int = 0
    """This process's number among those that run the stage; rank 0 writes the results."""
    lock_file: Path = Path(LOCK)
    """The lock that the run was started from, for hints."""

    @contextmanager
    def own_folder(self) -> Iterator[Path]:
        """Yield the folder for this process's view of the model; each process cleans up its own."""
        if not self.rank:
            yield self.work
            return
        own = self.work / f".process-{self.rank}"
        own.mkdir(exist_ok=True)
        try:
            yield own
        finally:
            shutil.rmtree(own, ignore_errors=True)

    @property
    def engine(self) -> Engine:
        """How the processes of this stage were started."""
        return engine_of(self.lock, self.kind)

    @property
    def settings(self) -> dict[str, Any]:
        """The lock's settings of this stage."""
        return dict(self._table.settings)

    @property
    def kind(self) -> str:
        """The kind of this stage."""
        return self._table.kind

    @property
    def all_inputs(self) -> list[str]:
        """The ids of the stages whose results this one reads."""
        return list(self._table.inputs)

    def inputs(self, kind: str) -> list[str]:
        """Return the ids of this stage's inputs that are of a kind, in the lock's order."""
        return [one.id for one in self.lock.of_kind(kind) if one.id in self._table.inputs]

    @property
    def _table(self) -> StageTable:
        return next(one for one in self.lock.stage if one.id == self.stage)

    @property
    def held(self) -> SplitName | None:
        """The held-out split that later stages evaluate on and show rows of, if there is one."""
        for name in ("test", "validation"):
            if any(part.split == name for part in self.lock.splits):
                return name
        return None

    @property
    def learnt_rows(self) -> int:
        """The rows of `held` that also occur in the training split, as `prepare` counted them."""
        counts: dict[str, int] = self.report(self.lock.first("prepare")).get("learnt", {})
        return counts.get(self.held or "", 0)

    def result(self, stage: str) -> Path:
        """Return the folder of a finished stage, which holds only folders and regular files.

        Raises UsageProblem if it holds a link, or a file of another user.
        """
        at = place(self.lock, self.run, stage)
        if stage != self.stage:  # this stage's own folder does not exist yet
            at.check()
        return at.final

    def report(self, stage: str) -> dict[str, Any]:
        """Return the report of a finished stage; empty if the lock has no such stage."""
        if stage not in self.lock.integrity:
            return {}
        return place(self.lock, self.run, stage).done(self.lock.integrity[stage]) or {}

    @property
    def model(self) -> Path:
        """The folder of the base model: a local path, or the Hub's cache.

        It is never read from the run folder, which may come from a stranger.
        """
        place = self.places.get("model") or cached(self.lock.model)
        if not place.is_dir():
            raise UsageProblem(
                f"The base model is no longer in `{place}`.",
                fix=(
                    Advice("restore it and run the same command again"),
                    Option("--locate model=PATH"),
                ),
            )
        return place

    @property
    def tuned(self) -> Path:
        """The folder of the standalone model: merged, or fully fine-tuned."""
        if merged := self.lock.first("merge"):
            return self.result(merged) / "model"
        return self.result(self.lock.first("train")) / "result"


def read(job: Path) -> Context:
    """Read the job that the supervisor wrote."""
    values = _values(job)
    run = Path(values["run"])
    found = lock.read(run / LOCK)
    kind = next(one.kind for one in found.stage if one.id == values["stage"])
    rank = engine_of(found, kind).rank()
    return Context(
        lock=found,
        stage=values["stage"],
        run=run,
        work=Path(values["work"]),
        places={name: Path(path) for name, path in values["places"].items()},
        line=Line.from_environment(rank=rank),
        rank=rank,
        lock_file=Path(values.get("lock", LOCK)),
    )


def beat_seconds(job: Path) -> float:
    """Return the seconds between two heartbeats of a job's stage process."""
    return float(_values(job).get("beat_seconds", BEAT_SECONDS))


def _values(job: Path) -> dict[str, Any]:
    with OwnFolder.open(job.parent) as work:
        values: dict[str, Any] = json.loads(work.read(job.name, _MOST_JOB_BYTES))
    return values
