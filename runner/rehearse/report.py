"""The report of a rehearsal: measurements next to the lock's predictions, and whether it fits."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import cycle, islice

from lockfiles.errors import DoesNotFit
from lockfiles.fixes import PLAN_AGAIN, Answer, Change, Command, Fix, Steps
from lockfiles.lock import Machine, TrainingLock
from planner.machines.facts import MachineFacts
from planner.memory import Estimate, estimate
from planner.search.budget import (
    CUDA_CONTEXT_BYTES,
    HOST_PROCESS_BYTES,
    beyond_one,
    whole_card_bytes,
)
from planner.search.rehearsal import Measured, Place, Rehearsal, Rehearsed, host_seconds
from planner.search.tuned import Tuned
from planner.speed.duration import seconds_of_step
from planner.speed.host import accelerator
from runner.environments import packages
from runner.inputs.setup import model_of
from runner.rehearse.case import Case
from runner.rehearse.rows import made_up

DIFFERS = 0.03
"""The relative difference from which a report says that measured and predicted disagree."""


@dataclass(frozen=True)
class Report:
    """A rehearsal next to what was expected of it."""

    found: Rehearsal
    """The measurements, with their device and model."""
    phases: Mapping[str, int]
    """The closed form's bytes for each phase."""
    peak_bytes: int
    """The peak that the lock predicts, without the rows of a run; the estimate's for one of several
    machines, whose processes share less than those of all."""
    step_seconds: float
    """Of the step that was run, from the card's rates; 0 if those are unknown."""
    planned_for: Machine
    """The machine in the lock."""
    locked_processes: int
    """The processes of the lock, on all machines."""
    main_bytes: int
    """Main memory that a process on a card is counted to need; 0 on CPU, where it is the peak."""
    bytes_per_second: float
    """What each card was assumed to send to the next one; 0 if unknown, and on CPU."""

    @property
    def error(self) -> float:
        """The measured peak relative to the lock's, minus one."""
        return self.found.measured.allocated_bytes / self.peak_bytes - 1

    @property
    def process_bytes(self) -> int:
        """Expected memory of the process, on a card or in main memory, in bytes."""
        if self.found.machine.kind == "cpu":
            return self.peak_bytes
        more = beyond_one(self.found.case.profile.engine)
        return whole_card_bytes(self.peak_bytes + more)

    @property
    def outside_bytes(self) -> int:
        """Expected bytes of the card that the process uses outside torch's allocator; 0 on CPU."""
        ran = self.found.case.profile
        return CUDA_CONTEXT_BYTES + beyond_one(ran.engine) if ran.device == "cuda" else 0


def report(
    lock: TrainingLock,
    case: Case,
    measured: Measured,
    machine: MachineFacts,
    tuned: Tuned | None = None,
) -> Report:
    """Return the report of a case that was run on `machine`, on its first card if it has one.

    `tuned` are the finalists that were timed before, if any were.
    """
    model = model_of(lock)
    found = _rehearsal(lock, case, measured, machine).model_copy(update={"tuned": tuned})
    ran = found.case
    card = accelerator(machine, host_seconds(found)) if lock.machine.kind == "cuda" else None
    counted = estimate(model, replace(case.profile, held_tokens=0))
    return Report(
        found=found,
        phases={phase.name: phase.peak_bytes for phase in counted.phases},
        peak_bytes=_peak_bytes(lock, counted),
        step_seconds=seconds_of_step(model, ran.profile, card, ran.lengths, ran.accumulation)
        or 0.0,
        planned_for=lock.machine,
        locked_processes=lock.parallel.processes,
        main_bytes=_main_bytes(counted) if lock.machine.kind == "cuda" else 0,
        bytes_per_second=card.links.card_bytes_per_second if card else 0.0,
    )


def _peak_bytes(lock: TrainingLock, counted: Estimate) -> int:
    if lock.parallel.nodes > 1:
        return counted.peak.peak_bytes
    return lock.prediction.peak_bytes - lock.prediction.components.get("rows", 0)


def _main_bytes(counted: Estimate) -> int:
    return HOST_PROCESS_BYTES + max(counted.host_bytes, counted.loading_bytes)


def _rehearsal(
    lock: TrainingLock, case: Case, measured: Measured, machine: MachineFacts
) -> Rehearsal:
    shape = model_of(lock).architecture
    lengths = [row.length for row in case.rows or made_up(case, shape.vocabulary)]
    if case.profile.pass_tokens:  # those of the step of all processes
        lengths = lengths[:: case.profile.ranks]
    return Rehearsal(
        version=2,
        train_sha256=lock.integrity["train"],
        model=shape.facts(),
        parameters=lock.model.parameters,
        machine=_place(lock, machine),
        packages=packages.packages_found(lock),
        case=Rehearsed(
            profile=case.profile,
            accumulation=case.accumulation,
            rows="data" if case.rows else "made-up",
            lengths=tuple(islice(cycle(lengths), _rows(case))),
            steps=case.steps,
            evaluates=case.evaluate,
            held_out=_evaluated(case, lengths),
        ),
        measured=measured,
    )


def _evaluated(case: Case, lengths: Sequence[int]) -> tuple[int, ...]:
    """Return the lengths of the rows of `runner.rehearse.rows.held_out`; `lengths` are those of
    the training rows."""
    if not case.evaluate:
        return ()
    own = [row.length for row in case.held_out]
    return tuple(own or islice(cycle(lengths), case.profile.micro_batch))


def _rows(case: Case) -> int:
    """Return how many rows define a step: those of a micro-batch, or with packing all of them."""
    return case.profile.micro_batch * (case.accumulation if case.profile.packing else 1)


def _place(lock: TrainingLock, machine: MachineFacts) -> Place:
    card = machine.gpus[0] if lock.machine.kind == "cuda" else None
    return Place(
        kind=lock.machine.kind,
        card=card.name if card else "",
        memory_bytes=card.memory_bytes if card else machine.ram_bytes,
        driver=machine.driver if card else "",
        processor=machine.processor,
    )


def out_of_memory(lock: TrainingLock, found: Rehearsal) -> DoesNotFit:
    """Return the error for a device without enough memory, with the setting that needs less."""
    short, count = found.short, found.case.profile.ranks
    who = f"process {short.rank} of {count} on {found.where}" if short else found.where
    return DoesNotFit(
        f"The plan does not fit: {who} ran out of memory in the phase "
        f"`{found.measured.out_of_memory}`.",
        fix=_fixes(lock, found.measured.out_of_memory),
    )


def _fixes(lock: TrainingLock, phase: str) -> tuple[Fix, ...]:
    """Return what needs less memory: the smallest change, or for passes fewer tokens in each."""
    change = Steps((_smaller(lock, phase), PLAN_AGAIN))
    choose = Command("tunelock plan run.toml --facts rehearsal.json", to="let the plan choose")
    fewer = lock.train.pass_tokens and phase != "load"
    return (choose, change) if fewer else (change, choose)


def _smaller(lock: TrainingLock, phase: str) -> Answer | Change:
    """Return the smallest change of `run.toml` that reduces memory in that phase."""
    train, step = lock.train, lock.train.micro_batch * lock.train.accumulation
    if phase != "load" and train.micro_batch > 1 and not train.pass_tokens:
        least = max(n for n in range(1, train.micro_batch) if step % n == 0)
        return Answer("method.micro_batch", least)
    if phase != "load" and not train.checkpointing:
        return Answer("method.checkpointing", "on")
    if lock.method.kind != "qlora":
        return Answer("method.kind", "qlora")
    if phase != "load":
        return Answer("train.max_length", lock.stream.max_length_tokens // 2)
    return Change("model.source", "a smaller model")
