"""The engine record: how the supervisor starts its processes, and how each finds the others.

Imports no torch, since the supervisor reads it.
"""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from lockfiles.lock import Lock, TrainingLock
from lockfiles.stage_kinds.registry import KINDS
from runner.engines.ranks import Ranks


@dataclass(frozen=True)
class Engine:
    """One way to run a stage; `runner/engines/NAME.py` defines one as `ENGINE`."""

    name: str
    """The value of `parallel.engine` in a lock."""
    arguments: Callable[[str, Path, int], tuple[str, ...]]
    """Takes a worker's module, its job's path and the number of processes, returns the arguments
    after `python -P`."""
    variables: Mapping[str, str]
    """Additional environment variables of its processes."""
    starts_workers: bool
    """Whether the process that the supervisor starts only launches workers."""
    rank: Callable[[], int]
    """Returns the rank of this worker, from 0."""
    joined: Callable[[], AbstractContextManager[Ranks]]
    """Joins the other workers, and leaves the group together with them."""
    reports_failure: Callable[[], bool]
    """Returns whether this failing worker is the one that reports its error."""


STAGE = "runner.stages"
"""The module of a worker that runs a stage."""


def engine_of(lock: Lock, kind: str) -> Engine:
    """Return the engine of the stages of a kind in a lock."""
    name, spreads = "single", KINDS[kind].spreads
    if isinstance(lock, TrainingLock) and spreads == "engine":
        name = lock.parallel.engine
    elif processes_of(lock) > 1 and spreads:
        name = "ddp"
    return named(name)


def named(name: str) -> Engine:
    """Return the engine of a name in a lock."""
    found: Engine = import_module(f"runner.engines.{name}").ENGINE
    return found


def processes_of(lock: Lock) -> int:
    """Return how many processes a lock has; 1 where nothing is trained."""
    return lock.parallel.processes if isinstance(lock, TrainingLock) else 1
