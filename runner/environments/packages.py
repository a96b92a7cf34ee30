"""The packages that a lock names and its stages need: whether they are installed, and which.

Light: only their metadata is read.
"""

from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec

from lockfiles.compare import Difference
from lockfiles.errors import UsageProblem
from lockfiles.fixes import Command
from lockfiles.lock import Lock, TrainingLock

TRAINING = ("accelerate", "datasets", "peft", "torch", "transformers", "trl")


def packages_found(lock: Lock) -> dict[str, str]:
    """Return the installed version of each package that the lock names; empty where missing."""
    return {name: _installed(name) for name in lock.packages}


def package_differences(lock: Lock, found: Mapping[str, str]) -> list[Difference]:
    """Return the packages that are installed in another version than was locked."""
    return [
        Difference(f"packages.{name}", locked, found[name], "changes weights")
        for name, locked in lock.packages.items()
        if found[name] and found[name] != locked
    ]


def check_training_packages(lock: TrainingLock) -> None:
    """Raise UsageProblem where a package is missing that the training of a lock needs."""
    needed = (*TRAINING, *(["bitsandbytes"] if lock.method.kind == "qlora" else []))
    missing = [name for name in needed if not _installed(name)]
    if missing:
        raise UsageProblem(
            f"Training needs {', '.join(f'`{name}`' for name in missing)}, not installed here.",
            fix=Command(
                "pip install 'tunelock[train]'", note="`tunelock doctor` names the right torch"
            ),
        )


def gguf_can_answer() -> bool:
    """Return whether llama.cpp is here, to quantise below q8_0 and to run the files."""
    return find_spec("llama_cpp") is not None


def _installed(name: str) -> str:
    try:
        return version(name).partition("+")[0]
    except PackageNotFoundError:
        return ""
