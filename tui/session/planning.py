"""From a `run.toml` on disk to a lock, for every interface."""

import errno
import os
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

from lockfiles import intent
from lockfiles import lock as locks
from lockfiles.errors import TunelockError, UsageProblem
from lockfiles.files import at_home, check_output, unwritable, write_out
from lockfiles.fixes import INTENT, Advice, Command, Option, beside
from lockfiles.forecast import Prediction
from lockfiles.lock import Lock, TrainingLock
from planner.interview.answers import Answers, check
from planner.machines.facts import CardLinks, Gpu, MachineFacts, TimedStep
from planner.machines.probes.probe import probe
from planner.plan import export
from planner.plan.gather import check_stages, gather, model_facts
from planner.plan.plan import plan
from planner.search.rehearsal import ESTIMATOR, Rehearsal, load
from runner.inputs import locations
from runner.inputs.as_locked import as_locked
from runner.rehearse.process import with_process
from tui.terminal import output

_READ = (
    "data.train", "data.validation", "data.test", "data.general", "model.template", "model.source",
)  # fmt: skip
"""The answers that name files which a lock has digests of."""


def from_file(
    path: Path,
    *,
    machine: MachineFacts | None = None,
    kept: Lock | None = None,
    kept_at: Path | None = None,
    rehearsal: Path | None = None,
) -> Lock:
    """Return the plan of a `run.toml`, with the measurements in the file `rehearsal`, if any.

    `kept`, in the file `kept_at`, is a lock to check: the plan uses its machine instead of probing
    this one, so that a check does not fail because the amount of free memory has changed. Raises
    StaleLock if the answers differ from those that it was planned from.
    """
    if not path.exists():
        raise UsageProblem(
            f"`{path}` does not exist.", fix=Command("tunelock", note="the wizard writes one")
        )
    raw = intent.read(path)
    answers = check(raw.values, raw.lines, name=raw.name)
    try:
        return _from_answers(answers, path, machine, kept, kept_at, rehearsal)
    except TunelockError as problem:
        problem.in_files(beside(path.with_suffix(".lock")) | {INTENT: raw.name})
        raise


def _from_answers(
    answers: Answers,
    path: Path,
    machine: MachineFacts | None,
    kept: Lock | None,
    kept_at: Path | None,
    rehearsal: Path | None,
) -> Lock:
    """Return the plan of the answers in a file; see `from_file`."""
    if kept is not None:
        at = kept_at or path.with_suffix(".lock")
        locations.check_fresh(kept, answers, at=at, intent=path)
        if isinstance(kept, TrainingLock) and not (machine or answers.text("machine.facts")):
            machine = counted_on(kept)
    measured = load(rehearsal) if rehearsal else None
    if answers.trains and not (machine or answers.text("machine.facts")):
        machine = here(path.parent, on_cpu=answers.text("machine.device") == "cpu")
    if not answers.trains:
        return _of_exports(answers, path.parent, measured)
    with as_locked(_places(answers, path.parent), kept_at, others=True) if kept else nullcontext():
        facts = gather(answers, path.parent, machine=machine, told=output.note)
    made = plan(answers, replace(facts, rehearsal=measured))
    if measured and made.prediction.estimator != ESTIMATOR:
        output.note(_unused(measured, made))
    return made


def _places(answers: Answers, folder: Path) -> dict[str, Path]:
    """Return the local inputs that the answers name, by their keys."""
    named = {key: answers.text(key) for key in _READ}
    return {
        name: folder / at_home(value)
        for name, value in named.items()
        if value and (folder / at_home(value)).exists()
    }


def here(folder: Path, *, on_cpu: bool = False) -> MachineFacts:
    """Return this machine, with what was measured on it; `folder` is on the disk of its runs.

    Where it has no cards or, with `on_cpu`, does not use them, the memory of a training process is
    measured if it is not known.
    """
    found = probe(folder)
    if on_cpu or found.kind == "cpu":
        return with_process(found, output.note)
    return found


def _of_exports(answers: Answers, folder: Path, measured: Rehearsal | None) -> Lock:
    if measured:
        raise UsageProblem(
            "A rehearsal measures training, and this run trains nothing.",
            fix=Advice("leave out `--facts`"),
        )
    output.note("reading the model")
    model, place = model_facts(answers, folder)
    check_stages(answers, model, place)
    return export.plan(answers, model)


def _unused(measured: Rehearsal, made: TrainingLock) -> str:
    """Return why the peak of a plan is estimated, not measured."""
    if not measured.fitted:
        return "the rehearsed plan ran out of memory, so this plan is estimated to need less"
    if made.parallel.nodes > 1:
        return "note: only one of the machines was rehearsed, so the peak of a process is estimated"
    return (
        "note: this plan differs from the rehearsed one, so its peak is estimated; "
        "measure it with `tunelock rehearse`"
    )


def counted_on(lock: TrainingLock) -> MachineFacts:
    """Return the machine of a lock, or one of its machines, as far as a plan depends on it."""
    counted, threads = lock.machine, max(1, lock.exactness.threads)
    nodes = lock.parallel.nodes
    memory = counted.memory_bytes
    card = Gpu(counted.accelerator, memory, memory, counted.capability)
    gpus = (card,) * (counted.count // nodes)
    cores = threads * (lock.parallel.on_each if counted.kind == "cpu" else 1)
    memory = -(-memory // nodes)
    main = 0 if gpus else memory  # a lock for GPUs does not have the amount of main memory
    found = lock.prediction
    measured = found.components["process"] if found.process_origin == "measured" else 0
    rates = counted.card_bytes_per_second, counted.network_bytes_per_second
    return MachineFacts(
        counted.kind, gpus, cores, main, main, 0, "", process_bytes=measured, timed=_timed(found),
        links=CardLinks("", *map(float, rates)),
    )  # fmt: skip


def _timed(found: Prediction) -> tuple[TimedStep, ...]:
    """Return the measured step that the time of a lock follows from, if there is one."""
    if not found.timed_by:
        return ()
    return (
        TimedStep(
            "",
            found.timed_seconds,
            found.timed_tokens,
            found.timed_by,
            found.timed_evaluation_seconds,
            found.timed_evaluation_tokens,
            found.timed_save_seconds,
        ),
    )


def writable(path: Path, mark: bytes) -> None:
    """Raise UsageProblem if a file cannot be written, or is of another kind (`check_output`)."""
    folder = path.absolute().parent
    if not folder.is_dir():
        raise UsageProblem(f"`{folder}` is not a folder.", fix=Command("mkdir -p {}", folder))
    if problem := errno.EISDIR if path.is_dir() else unwritable(folder):
        raise _unwritable(path, os.strerror(problem))
    check_output(path, mark)


def write(lock: Lock, path: Path) -> None:
    """Write a lock atomically. Raises UsageProblem if it cannot be written."""
    writable(path, locks.MARK)
    try:
        write_out(path, locks.write(lock).encode(), locks.MARK)
    except OSError as problem:
        raise _unwritable(path, problem.strerror) from None


def _unwritable(path: Path, why: str | None) -> UsageProblem:
    return UsageProblem(
        f"`{path}` cannot be written: {why}.",
        fix=Option("--out FILE", note="in a folder of your own"),
    )
