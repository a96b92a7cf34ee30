"""What every way to start a lock on a cluster is written from."""

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lockfiles.engines import ENGINES
from lockfiles.harmless import one_line
from lockfiles.lock import TrainingLock
from lockfiles.shell import typed

FILL_IN = "FILL_IN"
"""The mark of what only the person knows."""
WORK = "/tunelock"
"""Where a volume that all machines share is mounted."""
PORT = 29_400
"""Where machine 0 listens, on machines of its own."""
GRACE_SECONDS = 300
"""From the request to stop until a cluster kills: a run needs 120 s plus twice its last step and
checkpoint."""
_ENDING = re.compile(r"(\.[A-Za-z]{2,8})?(\.(gz|bz2|xz|zst))?$")
_GIB = 1 << 30
_LEAST_GIB = 2
_MOST_NAME_CHARS = 40
_MOST_LINE_CHARS = 10_000
_LEAST_SECONDS, _LIMIT_FACTOR = 3600, 1.5
UNKNOWN_SECONDS = 24 * 3600
"""The time limit of a run whose time is not known."""


@dataclass(frozen=True)
class Job:
    """A lock as a job of a cluster."""

    name: str
    """A name that every cluster accepts: lowercase letters, digits and hyphens."""
    lock: Path
    """The lock's absolute path on this machine."""
    nodes: int
    on_each: int
    """Processes on each machine."""
    accelerator: str
    """The name of the card; empty on CPU."""
    threads: int
    """Threads of each process; 0 where torch chooses."""
    memory_gib: int
    """Main memory of a machine, on CPU."""
    limit_seconds: int
    """A time limit with room for more than the predicted time."""
    timed: bool
    """Whether the time is predicted."""
    inputs: Mapping[str, Path | None]
    """The local inputs by logical name, with their paths on this machine where they are known."""
    model: str
    """The repository of the base model on the Hub; empty for a local one."""
    pushes_to: str
    """The Hub repository that the lock pushes to; empty for none."""
    package: str
    """What to install: this version of Tunelock, with the extras that the run needs."""
    former: Path | None = None
    """The absolute path of the run folder that the training continues from; None for none."""
    given: frozenset[str] = frozenset()
    """The inputs whose paths are known only from the command line."""

    @property
    def volume(self) -> str:
        """What the volume of the job must allow, as a clause."""
        if self.nodes == 1:
            return "a volume that keeps its files when the job starts again"
        return "a volume that all machines can write to at once"

    @property
    def cards(self) -> int:
        """Cards of each machine; 0 on CPU."""
        return self.on_each if self.accelerator else 0

    @property
    def cores(self) -> int:
        """Cores of each machine that the processes use; 0 where it is not known."""
        return 0 if self.accelerator else self.on_each * self.threads

    def words(self, lock: str, folder: str) -> list[str]:
        """Return the command that runs the lock where its inputs were copied to a folder."""
        located = [
            word
            for name, place in self.inputs.items()
            for word in ("--locate", f"{name}={folder}/{_copy(name, place)}")
        ]
        return ["tunelock", "run", lock, "--runs", f"{folder}/runs", "--foreground",
                *located, *self.options(self._former_in(folder))]  # fmt: skip

    def located(self) -> list[str]:
        """Return the options for the inputs that a run next to the lock does not find: those whose
        paths were given, and those to fill in."""
        return [
            word
            for name, place in self.inputs.items()
            if name in self.given or not place
            for word in ("--locate", f"{name}={place or FILL_IN}")
        ]

    def options(self, former: Path | None) -> list[str]:
        """Return the options that every cluster gives; `former` is the place of that run folder
        there."""
        source = ["--continue-from", str(former)] if former else []
        return source + (["--allow", self.pushes_to] if self.pushes_to else [])

    def copied(self, folder: str) -> list[str]:
        """Return what must be copied to a folder that all machines share, a line each."""
        pairs = [(typed(self.lock), f"{folder}/run.lock")]
        for name, place in self.inputs.items():
            left = typed(place) if place else f"the input `{name}`"
            pairs.append((left, f"{folder}/{_copy(name, place)}"))
        if self.former and (there := self._former_in(folder)) != self.former:
            pairs.append((typed(self.former), typed(str(there))))
        return [f"  {left} -> {right}" for left, right in pairs]

    def _former_in(self, folder: str) -> Path | None:
        """Return where the run to continue is in the shared folder; it may be there already."""
        if self.former is None or self.former.is_relative_to(folder):
            return self.former
        return Path(folder, "runs", self.former.name)


def job_of(
    lock: TrainingLock,
    at: Path,
    wanted: Sequence[str],
    found: Mapping[str, Path],
    pushes_to: str,
    version: str,
    former: Path | None = None,
    given: Iterable[str] = (),
) -> Job:
    """Return the job of a lock; `wanted` are its local inputs and `found` their known paths, of
    which those of `given` were named on the command line.

    `version` is this program's, which all machines must have; empty where it is unknown. `former`
    is the absolute path of the run folder that the training continues from.
    """
    parallel, seconds = lock.parallel, lock.prediction.seconds
    source = lock.model.source
    needed = math.ceil(lock.prediction.peak_bytes * parallel.on_each * 1.25 / _GIB)
    return Job(
        name=_name(lock.intent.name),
        lock=at.absolute(),
        nodes=parallel.nodes,
        on_each=parallel.on_each,
        accelerator=lock.machine.accelerator,
        threads=lock.exactness.threads,
        memory_gib=max(_LEAST_GIB, needed),
        limit_seconds=_limit(seconds),
        timed=seconds > 0,
        inputs={name: found.get(name) for name in wanted},
        model=source.removeprefix("hf:") if source.startswith("hf:") else "",
        pushes_to=pushes_to,
        package=f"tunelock[{','.join(_extras(lock, found.values()))}]"
        + (f"=={version}" if version else f">={lock.requires_runner}"),
        former=former,
        given=frozenset(given),
    )


def _extras(lock: TrainingLock, inputs: Iterable[Path]) -> Iterator[str]:
    yield "train"
    if ENGINES[lock.parallel.engine].packages:
        yield "deepspeed"
    if any(stage.kind == "gguf" for stage in lock.stage):
        yield "gguf"
    if any(place.suffix == ".parquet" for place in inputs):
        yield "parquet"


def _limit(seconds: float) -> int:
    if not seconds:
        return UNKNOWN_SECONDS
    return max(_LEAST_SECONDS, math.ceil(seconds * _LIMIT_FACTOR / 600) * 600)


def _name(name: str) -> str:
    plain = re.sub("[^a-z0-9]+", "-", name.lower())[:_MOST_NAME_CHARS].strip("-")
    return plain if plain[:1].isalpha() else f"run-{plain}".strip("-")


def _copy(name: str, place: Path | None) -> str:
    """Return the name of an input's copy: with the ending of the file, which says its format."""
    ending = _ENDING.search(place.name) if place and name != "model" else None
    return name + (ending[0] if ending else "")


def machines(count: int) -> str:
    """Return a number of machines in words."""
    return "one machine" if count == 1 else f"{count} machines"


def comment(lines: Sequence[str]) -> str:
    """Return lines as comments; what a lock says cannot end one."""
    return "".join(f"# {one_line(line, most=_MOST_LINE_CHARS)}".rstrip() + "\n" for line in lines)
