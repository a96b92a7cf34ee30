"""Every late failure that can be found before the first step: tools, room, rights, packages.

Light: no torch, and of the stages' packages only their metadata.
"""

import shutil
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from lockfiles.errors import DoesNotFit, UsageProblem
from lockfiles.fixes import PLAN_AGAIN, Advice, Answer, Command, Option, Steps
from lockfiles.harmless import one_line
from lockfiles.lock import Lock, Stage
from planner.machines import facts as machine
from planner.machines.occupancy import taken
from planner.machines.probes.probe import probe
from planner.search.candidates import whole_card_bytes
from runner.environments.packages import (
    check_training_packages,
    gguf_can_answer,
    package_differences,
    packages_found,
)
from runner.export.convertible import check_exports
from runner.inputs.verify import model_of

HELD_OUT = ("test", "validation")
"""The splits that training never saw."""
MOST_THREADS, MOST_THREADS_PER_CORE = 256, 16
"""Of one operation, on a machine of few cores and for each core of a larger one. Thousands on a few
cores wait for each other, and training does not go on."""
_GIB = 1 << 30
_GB = 1e9


@dataclass(frozen=True)
class Asked:
    """What a run is asked to do, beside its lock."""

    runs: Path
    """Where its folder will be."""
    allowed: Collection[str]
    """Hub repositories that the person allows a push to."""
    waiting: Collection[str]
    """The stages that are still to do."""
    places: Mapping[str, Path]
    """Local inputs by logical name, the model's folder among them where it is here."""


def check_all(lock: Lock, asked: Asked) -> None:
    """Refuse a run that would fail later, as far as that can be known before the first stage.

    `tunelock check` and `tunelock run` both ask this first, in the same order. Where nothing is
    left to do, nothing can fail. Raises UsageProblem, DoesNotFit, DigestDiffers.
    """
    stages = {stage.name: stage for stage in lock.stage if stage.name in asked.waiting}
    if not stages:
        return
    for stage in stages.values():
        check_rows(lock, stage)
    if {"train", "evaluate", "merge"} & set(stages):
        check_training_packages(lock)
        check_device(lock)
    if "gguf" in stages:
        _check_gguf(stages["gguf"], lock.model.family)
    if "push" in stages:
        check_push(lock, asked.allowed)
    _check_exact(lock)
    check_disk(lock, asked.runs)
    if "model" in asked.places and {"prepare", "train", "evaluate", "merge"} & set(stages):
        with model_of(lock, asked.places["model"], weights=False) as base:
            check_exports(lock, base.folder)


def check_rows(lock: Lock, stage: Stage) -> None:
    """Raise UsageProblem where a stage reads held-out rows that the lock does not have."""
    wanted = stage.settings.get("rows", "")
    there = {part.split for part in lock.data if part.rows and part.split in HELD_OUT}
    reads = stage.name == "evaluate" or wanted or stage.settings.get("samples")
    if reads and wanted not in there:
        named = one_line(wanted, most=40)
        raise UsageProblem(
            f"The stage `{stage.name}` reads the rows `{named}`, which are no held-out rows of "
            "this lock.",
            fix=PLAN_AGAIN,
        )


def check_disk(lock: Lock, runs: Path) -> None:
    """Raise DoesNotFit where the disk has less room than the run will take."""
    place = next(
        folder for folder in (runs.absolute(), *runs.absolute().parents) if folder.exists()
    )
    free = shutil.disk_usage(place).free
    if free < lock.prediction.disk_bytes:
        raise DoesNotFit(
            f"The run takes {lock.prediction.disk_bytes / _GB:.2f} GB of disk, and `{place}` has "
            f"{free / _GB:.2f} GB free.",
            fix=Command("tunelock run run.lock --runs DIR", note="on a disk with room"),
        )


def check_kind(lock: Lock, facts: machine.MachineFacts) -> None:
    """Raise DoesNotFit where a lock counts on a card, and the machine has none."""
    if lock.machine.kind == "cuda" and not facts.gpus:
        raise DoesNotFit(
            f"The lock was planned for `{lock.machine.accelerator}`, and there is no GPU here.",
            fix=Advice(facts.problem)
            if facts.problem
            else Steps((Answer("machine.device", "cpu"), PLAN_AGAIN)),
        )


def check_device(lock: Lock) -> None:
    """Raise DoesNotFit where the machine has no such device, or too little for the run: cores for
    its threads, free memory."""
    facts = probe(Path("/"))
    check_kind(lock, facts)
    _check_threads(lock, facts)
    if lock.machine.kind == "cuda":
        free, where = facts.gpus[0].free_bytes, f"`{facts.gpus[0].name}`"
        needed = whole_card_bytes(lock.prediction.peak_bytes)
        busy = taken(facts.gpus[0])
    else:
        free, where, busy = facts.ram_free_bytes, "this machine", ""
        needed = lock.prediction.peak_bytes
    if free < needed:
        raise DoesNotFit(
            f"The run needs {needed / _GIB:.2f} GiB of memory, and {where} "
            f"has {free / _GIB:.2f} GiB free{f': {busy}' if busy else ''}.",
            fix=(Advice("stop what else uses it"), PLAN_AGAIN),
        )


def _check_threads(lock: Lock, facts: machine.MachineFacts) -> None:
    threads, cores = lock.exactness.threads, facts.cpu_cores
    if threads > max(MOST_THREADS, MOST_THREADS_PER_CORE * cores):
        raise DoesNotFit(
            f"The lock computes with {threads:,} threads, and this machine has "
            f"{cores} core{'s' if cores > 1 else ''}.",
            fix=PLAN_AGAIN,
        )


def _check_gguf(stage: Stage, family: str) -> None:
    if find_spec("gguf") is None:
        raise UsageProblem(
            "GGUF export needs the package `gguf`, which is not installed.",
            fix=Command("pip install 'tunelock[gguf]'"),
        )
    from runner.export.gguf.families import FAMILIES
    from runner.export.gguf.levels import check_level

    names = sorted({one.name for one in FAMILIES.values()})
    if family not in names:
        known = ", ".join(f"`{name}`" for name in names)
        raise UsageProblem(
            f"GGUF export does not know the family `{one_line(family, most=40)}` yet; it knows "
            f"{known}.",
            fix=Steps((Answer("results.gguf", ()), PLAN_AGAIN)),
        )
    levels = stage.settings["levels"]
    if not isinstance(levels, list) or not levels:
        raise UsageProblem(
            "The stage `gguf` names no levels.",
            fix=PLAN_AGAIN,
        )
    for level in levels:
        check_level(level)
    if "q4_k_m" in levels and not gguf_can_answer():
        raise UsageProblem(
            "The GGUF level `q4_k_m` needs `llama-cpp-python`, which is not installed.",
            fix=(Command("pip install 'tunelock[gguf]'"), Answer("results.gguf", ("q8_0",))),
        )


def pushes_to(lock: Lock) -> str:
    """Return the Hub repository that a lock pushes to; empty where it pushes nothing."""
    found = (stage.settings["to"] for stage in lock.stage if stage.name == "push")
    return str(next(found, ""))


def check_push(lock: Lock, allowed: Collection[str]) -> None:
    """Raise UsageProblem where the person does not allow a lock's push, or the Hub does not."""
    repo = pushes_to(lock)
    if repo not in allowed:
        named = one_line(repo, most=200)
        raise UsageProblem(
            f"The lock pushes to `{named}`, and a lock alone is no consent.",
            fix=Option("--allow {}", named),
        )
    from runner.export.push import check_access

    check_access(repo)


def _check_exact(lock: Lock) -> None:
    """Under `exact`, other packages are another run."""
    differing = package_differences(lock, packages_found(lock)) if lock.exactness.exact else []
    if differing:
        one = differing[0]
        raise DoesNotFit(
            f"The lock promises exact bits with `{one.field.partition('.')[2]}` {one.locked}, and "
            f"{one.found} is installed.",
            fix=Command("pip install {}", f"{one.field.partition('.')[2]}=={one.locked}"),
        )
