"""A lock that promises exact bits on a GPU, which a plan refuses to: for these tests alone."""

from collections.abc import Mapping
from pathlib import Path

from lockfiles import lock as locks
from lockfiles.lock import TrainingLock
from planner.plan.integrity import integrity
from runner.environments import packages


def rewrite(path: Path, **tables: Mapping[str, object]) -> TrainingLock:
    """Change values in the tables of a planned lock, with digests that fit, and return it."""
    raw = locks.read(path).model_dump()
    for name, values in tables.items():
        raw[name] |= values
    raw["integrity"] = integrity(raw)
    made = TrainingLock.model_validate(raw)
    path.write_text(locks.write(made), "utf-8")
    return made


def promise(path: Path) -> TrainingLock:
    """Make a planned lock demand deterministic kernels of this machine's packages; return it."""
    deterministic = {"exact": True}
    locked = locks.read(path)
    found = {k: v or locked.packages[k] for k, v in packages.packages_found(locked).items()}
    return rewrite(path, exactness=deterministic, packages=found)
