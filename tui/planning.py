"""From a `run.toml` on disk to a lock, and a plan in words, for every face that shows one."""

import os
import shlex
from dataclasses import replace
from pathlib import Path

from lockfiles import intent
from lockfiles import lock as locks
from lockfiles.compare import differences
from lockfiles.errors import UsageProblem
from lockfiles.files import write_whole
from lockfiles.lock import Lock
from planner.data.checks.wording import several
from planner.gather import gather
from planner.interview.answers import check
from planner.machine import Gpu, MachineFacts
from planner.plan import plan
from planner.rehearsal import ESTIMATOR, Rehearsal, load
from runner import places
from tui import output, predicted
from tui.folding import all_folded
from tui.units import batch, memory, size

_DONE = {
    "drop": "left out",
    "redact": "redacted",
    "dedupe": "left out",
    "truncate": "cut",
    "split": "split",
}
_SHOWN_WHY = ("method.kind", "method.rank", "train.micro_batch")


def from_file(
    path: Path,
    *,
    machine: MachineFacts | None = None,
    kept: Lock | None = None,
    kept_at: Path | None = None,
    rehearsal: Path | None = None,
) -> Lock:
    """Return the plan of a `run.toml`, with what the file `rehearsal` says was measured.

    `kept`, in the file `kept_at`, is a lock to check: its machine is counted on again instead of
    probing this one, so that a check does not fail because other memory is free. Raises
    StaleLock where the answers are no longer those that it was planned from.
    """
    if not path.exists():
        raise UsageProblem(f"`{path}` does not exist.", hint="`tunelock`, whose wizard writes one")
    raw = intent.read(path)
    answers = check(raw.values, raw.lines, name=raw.name)
    if kept is not None:
        at = kept_at or path.with_suffix(".lock")
        places.check_fresh(kept, answers, at=at, intent=path)
        machine = machine if machine or answers.text("machine.facts") else counted_on(kept)
    measured = load(rehearsal) if rehearsal else None
    facts = gather(answers, path.parent, machine=machine, told=output.note)
    made = plan(answers, replace(facts, rehearsal=measured))
    if measured and made.prediction.estimator != ESTIMATOR:
        output.note(_unused(measured))
    return made


def _unused(measured: Rehearsal) -> str:
    """Return why the peak of a plan is not the measured one."""
    if not measured.fitted:
        return "the rehearsed plan ran out of memory, so this one needs less by the estimate"
    return (
        "note: the plan is not the one that was rehearsed, so its peak is estimated; "
        "`tunelock rehearse` measures this one"
    )


def counted_on(lock: Lock) -> MachineFacts:
    """Return the machine that a lock counts on, as far as a plan depends on it."""
    counted, threads = lock.machine, max(1, lock.exactness.threads)
    memory = counted.memory_bytes
    card = Gpu(counted.accelerator, memory, memory, counted.capability)
    gpus = (card,) if counted.kind == "cuda" else ()
    return MachineFacts(counted.kind, gpus, threads, memory, memory, 0, "")


def summary(lock: Lock) -> list[str]:
    """Return a plan in a few lines: the verdict, the method, the memory, each with its reason."""
    method, train, peak = lock.method, lock.train, lock.prediction
    kind = method.kind if method.kind == "full" else f"{method.kind}, rank {method.rank}"
    rows = batch(train.micro_batch, train.accumulation, lock.stream.packing)
    lines = [
        f"verdict   {lock.decision.verdict}",
        *(f"          {reason}" for reason in lock.decision.reasons),
        *(f"  against {reason}" for reason in lock.decision.against),
        *_data(lock),
        f"method    {kind}",
        *_reasons(lock, "method.kind", "method.rank"),
        f"batch     {rows}, {train.epochs} epochs of {lock.stream.rows} rows",
        *_reasons(
            lock,
            "train.micro_batch",
            *(["train.accumulation"] if train.accumulation > 1 else []),
            "stream.packing",
        ),
        *_template(lock),
        f"memory    {memory(peak.peak_bytes)} at its peak ({peak.phase}), "
        f"of {memory(lock.machine.memory_bytes)}",
        *(f"          {memory(value):>9} {name}" for name, value in _largest(peak.components)),
        *_time(lock),
        f"disk      {size(peak.disk_bytes)}",
        f"stages    {' → '.join(stage.name for stage in lock.stage)}",
    ]
    return lines


def page(lock: Lock) -> list[str]:
    """Return a plan's summary in lines that fit the terminal."""
    return all_folded(summary(lock))


def _data(lock: Lock) -> list[str]:
    """Return the rows of each split, how they were split off, and what is mended in them."""
    rows = ", ".join(f"{part.rows:,} {part.split}" for part in lock.data)
    steps = [
        f"          {_DONE[fix.step]} in {fix.source}: {several(fix.rows, 'row')} ({fix.what})"
        for fix in lock.fix
        if fix.rows
    ]
    if lock.fix and not steps:
        steps = ["          Nothing was found to mend."]
    return [
        f"rows      {rows}",
        *_reasons(lock, "data.split_by", "data.fraction", "data.rows"),
        *steps,
    ]


def _time(lock: Lock) -> list[str]:
    told = predicted.time(lock.prediction)
    return [f"time      {told}", *_reasons(lock, "prediction.seconds")] if told else []


def _template(lock: Lock) -> list[str]:
    variant = lock.template.source == "training"
    return ["template  its training variant", *_reasons(lock, "template.source")] * variant


def _reasons(lock: Lock, *keys: str) -> list[str]:
    return [f"          {lock.why[key]}" for key in keys if key in lock.why]


def _largest(components: dict[str, int]) -> list[tuple[str, int]]:
    return sorted(components.items(), key=lambda item: -item[1])[:4]


def changes(before: Lock | None, after: Lock) -> list[str]:
    """Return what a new plan changes against the lock that stands there."""
    if before is None:
        return ["there is no lock yet"]
    found = differences(before, after)
    if not found:
        return ["the lock would not change"]
    return [f"  ~ {one.field}  {one.locked} → {one.found}  {one.consequence}" for one in found]


def writable(path: Path) -> None:
    """Raise UsageProblem where a file cannot be written."""
    folder = path.absolute().parent
    if not folder.is_dir():
        raise UsageProblem(
            f"`{folder}` is not a folder.", hint=f"mkdir -p {shlex.quote(str(folder))}"
        )
    if not os.access(folder, os.W_OK) or path.is_dir():
        raise UsageProblem(f"`{path}` cannot be written.", hint="add `--out FILE`")


def write(lock: Lock, path: Path) -> None:
    """Write a lock, whole or not at all. Raises UsageProblem where it cannot be written."""
    writable(path)
    try:
        write_whole(path, locks.write(lock).encode())
    except OSError as problem:
        raise UsageProblem(
            f"`{path}` cannot be written: {problem.strerror}.", hint="add `--out FILE`"
        ) from None
