"""What an engine is: how the supervisor starts its processes, and how each finds the others.

Light: the supervisor reads it, and imports no torch.
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
    """One way to carry out a stage; `runner/engines/NAME.py` holds one as `ENGINE`."""

    name: str
    """As a lock names it in `parallel.engine`."""
    arguments: Callable[[Path, int], tuple[str, ...]]
    """From a job's path and a number of processes to what follows `python -P`."""
    variables: Mapping[str, str]
    """What its processes get besides their environment variables."""
    starts_workers: bool
    """Whether the process that the supervisor starts is none of those that compute."""
    rank: Callable[[], int]
    """Returns the number of this process among those that compute, from 0."""
    joined: Callable[[], AbstractContextManager[Ranks]]
    """Finds the other processes, and leaves them together with them."""
    tells: Callable[[], bool]
    """Returns whether this process, which fails, is the one that says why."""


def engine_of(lock: Lock, kind: str) -> Engine:
    """Return the engine of the stages of a kind in a lock."""
    name = "single"
    if isinstance(lock, TrainingLock) and KINDS[kind].spreads:
        name = lock.parallel.engine
    found: Engine = import_module(f"runner.engines.{name}").ENGINE
    return found


def processes_of(lock: Lock) -> int:
    """Return how many processes train; 1 where nothing is trained."""
    return lock.parallel.processes if isinstance(lock, TrainingLock) else 1
