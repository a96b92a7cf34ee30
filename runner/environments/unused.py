"""Packages that others import if they are installed, though a lock's stages never use them.

PEFT imports bitsandbytes, which takes a fifth of the time of all imports of a training.
"""

import sys
from collections.abc import Iterable

from lockfiles.lock import Lock, TrainingLock

QUANTIZES = "bitsandbytes"


def unused(lock: Lock) -> tuple[str, ...]:
    """Return the packages that no stage of a lock uses, by the names of their modules."""
    trains = isinstance(lock, TrainingLock)
    return (QUANTIZES,) if trains and lock.training().method.kind != "qlora" else ()


def hide(names: Iterable[str]) -> None:
    """Make packages seem to be missing, except those that are imported already."""
    for name in names:
        sys.modules.setdefault(name, None)  # type: ignore[arg-type]
