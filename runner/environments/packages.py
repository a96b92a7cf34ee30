"""The packages that a lock names and its stages need: installed versions and differences.

Reads only their metadata.
"""

from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec

from lockfiles.compare import Difference
from lockfiles.engines import ENGINES
from lockfiles.errors import UsageProblem
from lockfiles.fixes import Command
from lockfiles.lock import Lock, TrainingLock
from planner.models import layers
from planner.models.architecture import of_lock

TRAINING = ("accelerate", "datasets", "peft", "torch", "transformers", "trl")


def packages_found(lock: Lock) -> dict[str, str]:
    """Return the installed version of each package that the lock names; empty if missing."""
    return {name: _installed(name) for name in lock.packages}


def kernels_found(lock: Lock) -> dict[str, str]:
    """Return the installed version of each package whose kernels compute layers of the model; empty
    on a CPU.

    A lock names none of them: its estimate is an upper bound where they are installed.
    """
    if not isinstance(lock, TrainingLock) or lock.machine.kind != "cuda":
        return {}
    mixers = (block.mixer for block in layers.blocks(of_lock(lock.model)))
    names = sorted({name for mixer in mixers if mixer for name in mixer.kernels})
    return {name: found for name in names if (found := _installed(name))}


def package_differences(lock: Lock, found: Mapping[str, str]) -> list[Difference]:
    """Return the packages whose installed version differs from the locked one."""
    return [
        Difference(f"packages.{name}", locked, found[name], "changes weights")
        for name, locked in lock.packages.items()
        if found[name] and found[name] != locked
    ]


def check_training_packages(lock: TrainingLock) -> None:
    """Raise UsageProblem if a package that the lock's training needs is missing."""
    needed = (*TRAINING, *(["bitsandbytes"] if lock.method.kind == "qlora" else []))
    of_engine = sorted(ENGINES[lock.parallel.engine].packages)
    missing = [name for name in (*needed, *of_engine) if not _installed(name)]
    if not missing:
        return
    note = "`tunelock doctor` shows the right torch"
    raise UsageProblem(
        f"Training needs {', '.join(f'`{name}`' for name in missing)}, which "
        f"{'is' if len(missing) == 1 else 'are'} not installed.",
        fix=Command("pip install 'tunelock[train,deepspeed]'", note=note)
        if of_engine
        else Command("pip install 'tunelock[train]'", note=note),
    )


def gguf_can_answer() -> bool:
    """Return whether llama.cpp is installed, to quantize below q8_0 and to run the files."""
    return find_spec("llama_cpp") is not None


def _installed(name: str) -> str:
    try:
        return version(name).partition("+")[0]
    except PackageNotFoundError:
        return ""
