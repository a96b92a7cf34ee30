"""Checks before the first step: tools, disk space, memory, permissions and packages.

Imports no torch, and reads only the metadata of the stages' packages.
"""

import shutil
import socket
from collections.abc import Mapping, Sequence
from pathlib import Path

from lockfiles.errors import DoesNotFit, UsageProblem
from lockfiles.fixes import PLAN_AGAIN, Advice, Answer, Answers, Change, Command, Steps
from lockfiles.harmless import one_line
from lockfiles.lock import Lock, Stage, TrainingLock
from lockfiles.stage_kinds.registry import KINDS
from planner.machines import facts as machine
from planner.machines.occupancy import taken
from planner.machines.probes.probe import probe
from planner.parallelism.engine import of_engine
from planner.parallelism.engines import cannot_run
from planner.pipeline.kind import of_kind as planned_of
from planner.search.budget import beyond_one, whole_card_bytes
from runner.environments.compiler import check_compiler
from runner.environments.packages import (
    check_training_packages,
    package_differences,
    packages_found,
)
from runner.export.convertible import check_exports
from runner.inputs.model import cached
from runner.inputs.verify import model_of
from runner.runs.kind import Asked, RunKind, of_kind

HELD_OUT = ("test", "validation")
"""The splits that are not trained on."""
MOST_THREADS, MOST_THREADS_PER_CORE = 256, 16
"""The most threads of one operation: on a machine with few cores, and per core of a larger one.
Thousands of threads on a few cores only wait for each other."""
_ONE_PROCESS = Answers(
    (
        Answer("machine.processes", 1),
        Answer("machine.parallel", "auto"),
        Answer("machine.offload", "auto"),
    )
)
LEAST_PROCESSES = 4
"""This many processes may train together even on a machine with fewer cores."""
_GIB = 1 << 30
_THAT_CARD = Advice(
    "run it on a machine with that card (`tunelock doctor` shows what a machine has)"
)
_GB = 1e9


def check_all(lock: Lock, asked: Asked) -> None:
    """Raise for a run that would fail later, as far as this can be known before the first stage.

    `tunelock check` and `tunelock run` both start with these checks, in the same order. Nothing is
    checked if no stage is left to run. Raises UsageProblem, DoesNotFit, DigestDiffers.
    """
    stages = [stage for stage in lock.stage if stage.id in asked.waiting]
    if not stages:
        return
    for stage in stages:
        check_rows(lock, stage)
    kinds = [of_kind(stage.kind) for stage in stages]
    if isinstance(lock, TrainingLock):
        _check_training(lock, stages)
    for stage, kind in zip(stages, kinds, strict=True):
        check_family(lock, stage)
        kind.check(lock, stage, asked)
    if isinstance(lock, TrainingLock):
        _check_exact(lock)
    check_disk(lock, asked.runs)
    if "model" in asked.places and any(_reads_base(lock, kind) for kind in kinds):
        with model_of(lock, asked.places["model"], weights=False) as base:
            check_exports(lock, base.folder)


def _check_training(lock: TrainingLock, stages: Sequence[Stage]) -> None:
    if any(KINDS[stage.kind].spreads == "engine" for stage in stages):
        check_engine(lock)
    if any(of_kind(stage.kind).trains for stage in stages):
        check_training_packages(lock)
        check_device(lock)
        check_compiler(lock)


def check_machine(lock: Lock, stages: Sequence[Stage]) -> None:
    """Raise as `check_all` where a machine cannot run its share of stages."""
    if isinstance(lock, TrainingLock):
        _check_training(lock, stages)


def check_model(lock: Lock, places: Mapping[str, Path]) -> None:
    """Raise UsageProblem where a machine has not the base model's folder."""
    place = places.get("model") or cached(lock.model)
    if not place.is_dir():
        raise UsageProblem(
            f"The base model is not in `{place}` on `{socket.gethostname()}`.",
            fix=Advice("copy it there, or share the folder of models (HF_HOME)"),
        )


def _reads_base(lock: Lock, kind: RunKind) -> bool:
    trains = isinstance(lock, TrainingLock)
    return kind.reads_base or (kind.reads_base_untrained and not trains)


def check_rows(lock: Lock, stage: Stage) -> None:
    """Raise UsageProblem if a stage reads held-out rows that the lock does not have."""
    wanted = stage.settings.get("rows", "")
    there = {part.split for part in lock.splits if part.rows and part.split in HELD_OUT}
    if (wanted or stage.settings.get("samples")) and wanted not in there:
        named = one_line(wanted, most=40)
        raise UsageProblem(
            f"The stage `{stage.id}` reads the rows `{named}`, but this lock has no such "
            "held-out rows.",
            fix=PLAN_AGAIN,
        )


def check_family(lock: Lock, stage: Stage) -> None:
    """Raise UsageProblem where a stage cannot work on the base model's family."""
    planned = planned_of(stage.kind)
    if problem := planned.unknown_family(lock.model.family):
        fix = Steps((planned.skip, PLAN_AGAIN)) if planned.skip else PLAN_AGAIN
        raise UsageProblem(problem, fix=fix)


def check_disk(lock: Lock, runs: Path) -> None:
    """Raise DoesNotFit if the disk has less free space than the run needs."""
    place = next(
        folder for folder in (runs.absolute(), *runs.absolute().parents) if folder.exists()
    )
    free = shutil.disk_usage(place).free
    if free < lock.prediction.disk_bytes:
        raise DoesNotFit(
            f"The run needs {_disk_text(lock.prediction.disk_bytes)} of disk space, but `{place}` "
            f"has only {_disk_text(free)} free.",
            fix=Command("tunelock run run.lock --runs DIR", note="on a disk with enough space"),
        )


def _disk_text(size_bytes: int) -> str:
    in_gb = size_bytes / _GB
    return f"{in_gb:.2f} GB" if in_gb >= 1 else f"{1000 * in_gb:.1f} MB"


def check_engine(lock: TrainingLock) -> None:
    """Raise DoesNotFit if this version has no engine for the lock's parallel layout."""
    asked = lock.parallel
    sentence = cannot_run(
        lock.machine.kind, asked.engine, asked.processes, asked.offload, lock.method.kind
    )
    if sentence:
        raise DoesNotFit(
            sentence,
            fix=Steps((_ONE_PROCESS, PLAN_AGAIN)),
        )


def check_kind(lock: TrainingLock, facts: machine.MachineFacts) -> None:
    """Raise DoesNotFit if a lock needs a GPU and the machine has none."""
    if lock.machine.kind == "cuda" and not facts.gpus:
        raise DoesNotFit(
            f"The lock was planned for `{lock.machine.accelerator}`, but this machine has no GPU.",
            fix=Advice(facts.problem)
            if facts.problem
            else (_THAT_CARD, Steps((Answer("machine.device", "cpu"), PLAN_AGAIN))),
        )


def check_device(lock: TrainingLock) -> None:
    """Raise DoesNotFit if the machine lacks the lock's device, cores for its threads, or free
    memory."""
    facts = probe(Path("/"))
    check_kind(lock, facts)
    check_threads(lock, facts)
    check_exact_card(lock, facts.gpus)
    check_fp8_units(lock, facts.gpus)
    if lock.machine.kind == "cuda":
        card = fullest(lock, facts)
        free, where = card.free_bytes, f"`{card.name}`"
        more = beyond_one(of_engine(lock.parallel.engine))
        needed = whole_card_bytes(lock.prediction.peak_bytes + more)
        busy = taken(card)
    else:
        free, where, busy = facts.ram_free_bytes, "this machine", ""
        needed = lock.prediction.peak_bytes * lock.parallel.on_each
    if free < needed:
        raise DoesNotFit(
            f"The run needs {needed / _GIB:.2f} GiB of memory, but {where} "
            f"has only {free / _GIB:.2f} GiB free{f': {busy}' if busy else ''}.",
            fix=(Advice("stop the other programs that use it"), PLAN_AGAIN),
        )


def fullest(lock: TrainingLock, facts: machine.MachineFacts) -> machine.Gpu:
    """Return the card with the least free memory of those that train: the first ones.

    Raises DoesNotFit if the machine has fewer cards than processes.
    """
    processes = lock.parallel.on_each
    if len(facts.gpus) < processes:
        raise DoesNotFit(
            f"The lock trains on {processes} cards, but this machine has only {len(facts.gpus)}.",
            fix=Steps((Change("machine.processes", "a smaller number"), PLAN_AGAIN)),
        )
    return min(facts.gpus[:processes], key=lambda one: one.free_bytes)


def check_threads(lock: TrainingLock, facts: machine.MachineFacts) -> None:
    processes, cores = lock.parallel.on_each, facts.cpu_cores
    if processes > max(LEAST_PROCESSES, cores):
        raise DoesNotFit(
            f"The lock trains with {processes} processes, but this machine has only "
            f"{cores} core{'s' if cores > 1 else ''}.",
            fix=Steps((Change("machine.processes", "a smaller number"), PLAN_AGAIN)),
        )
    threads = lock.exactness.threads * processes
    if threads > max(MOST_THREADS, MOST_THREADS_PER_CORE * cores):
        raise DoesNotFit(
            f"The lock computes with {threads:,} threads, but this machine has only "
            f"{cores} core{'s' if cores > 1 else ''}.",
            fix=PLAN_AGAIN,
        )


def pushes_to(lock: Lock) -> str:
    """Return the Hub repository that a lock pushes to; empty if it pushes nothing."""
    kinds = ((stage, of_kind(stage.kind)) for stage in lock.stage)
    return next((str(stage.settings[kind.target]) for stage, kind in kinds if kind.target), "")


def check_exact_card(lock: TrainingLock, cards: Sequence[machine.Gpu]) -> None:
    """Raise DoesNotFit if the lock is exact and was planned for another card than the first."""
    planned = lock.machine.accelerator
    if lock.exactness.exact and lock.machine.kind == "cuda" and cards and cards[0].name != planned:
        raise DoesNotFit(
            f"The lock promises bit-identical results on `{planned}`, but this card is "
            f"`{cards[0].name}`.",
            fix=PLAN_AGAIN,
        )


def check_fp8_units(lock: TrainingLock, cards: Sequence[machine.Gpu]) -> None:
    """Raise DoesNotFit if the lock computes in FP8 and the first card cannot."""
    if lock.train.base_products == "fp8" and cards and not cards[0].computes_fp8:
        raise DoesNotFit(
            f"The lock computes products in FP8, which `{cards[0].name}` cannot.",
            fix=Steps((Answer("method.base_products", "bf16"), PLAN_AGAIN)),
        )


def _check_exact(lock: TrainingLock) -> None:
    """Raise DoesNotFit if the lock is exact and installed packages differ from it."""
    differing = package_differences(lock, packages_found(lock)) if lock.exactness.exact else []
    if differing:
        one = differing[0]
        raise DoesNotFit(
            "The lock promises bit-identical results with "
            f"`{one.field.partition('.')[2]}` {one.locked}, but {one.found} is installed.",
            fix=Command("pip install {}", f"{one.field.partition('.')[2]}=={one.locked}"),
        )
