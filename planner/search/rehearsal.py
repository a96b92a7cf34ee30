"""What a rehearsal measured: the content of `rehearsal.json`, which a plan reads."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Annotated, Literal

from pydantic import Field, ValidationError, model_validator

from lockfiles import files, limits, refusal, text
from lockfiles.errors import UsageProblem
from lockfiles.fields import FEW_KEYS, Label, Name, Sha256, Table
from lockfiles.fixes import Command
from lockfiles.harmless import is_harmless
from planner.machines.facts import MachineFacts, TimedStep
from planner.models.facts import ModelFacts
from planner.search import by_process
from planner.search.by_process import OneProcess
from planner.search.ran import is_plan, is_same
from planner.search.tuned import Tuned
from planner.setup import batches
from planner.setup.setup import Profile
from planner.speed import exchanged
from planner.speed.exchanged import Exchanged

ESTIMATOR = "rehearsal"
"""The estimator of a lock whose peak a rehearsal measured."""
PHASES = ("load", "forward", "backward", "optimizer", "evaluation")
"""The phases of a rehearsal, in order."""
MOST_BYTES = limits.MOST_BYTES
"""An upper bound: more than any machine has."""
MOST_SECONDS = limits.MOST_SECONDS
LIMIT_BYTES = 4 * files.MIB
"""The largest `rehearsal.json` that is read."""
_AGAIN = Command("tunelock rehearse run.lock")


@dataclass(frozen=True)
class Measured:
    """The figures that a rehearsal measured: of several processes, the greatest."""

    peaks: Mapping[str, int]
    """Peak bytes of torch's allocator in each of `PHASES` that was reached; on CPU, peak resident
    bytes of the process."""
    reserved_bytes: int
    """Peak bytes that the allocator reserved on the card; 0 on CPU."""
    process_bytes: int
    """Bytes of the card that the process used, including its CUDA context; 0 on CPU."""
    step_seconds: tuple[float, ...]
    """Of each optimizer step; the first one is a warm-up."""
    load_seconds: float
    """Time to create the weights."""
    seconds: float
    """Total time, without imports."""
    out_of_memory: str = ""
    """The phase in which the card ran out of memory; empty where it did not."""
    card: str = ""
    """Name of the card; empty on CPU."""
    evaluation_seconds: float = 0.0
    """Time of the evaluation, after one as warm-up; 0 where it was not measured."""
    host_seconds: float = 0.0
    """Seconds of a step of a model so small that only the host's speed matters; 0 where it was
    not measured."""
    main_bytes: int = 0
    """Peak resident main memory of the process; 0 where it was not measured."""
    processes: tuple[OneProcess, ...] = ()
    """Of several processes, each one's figures."""
    exchanged: tuple[Exchanged, ...] = ()
    """How long several processes took to exchange tensors."""

    @property
    def allocated_bytes(self) -> int:
        """The greatest peak."""
        return max(self.peaks.values())

    @property
    def phase(self) -> str:
        """The phase of the greatest peak."""
        return max(self.peaks, key=self.peaks.__getitem__)

    @property
    def warm_step_seconds(self) -> float:
        """Median seconds of a step, without the first (warm-up); 0 where there is no other."""
        return median(self.step_seconds[1:]) if len(self.step_seconds) > 1 else 0.0

    @property
    def context_bytes(self) -> int:
        """Bytes of the card that the process used outside torch's allocator; 0 on CPU."""
        each = (one.outside_bytes for one in self.processes)
        return max(each, default=max(0, self.process_bytes - self.reserved_bytes))

    @property
    def reserve(self) -> float:
        """What the allocator reserved beyond its peak, as a share of the peak; 0 on CPU."""
        return max(0.0, self.reserved_bytes / self.allocated_bytes - 1)


class Place(Table):
    """The machine of a rehearsal."""

    kind: Literal["cpu", "cuda"]
    card: Label
    """The card's name by its driver; empty on CPU."""
    memory_bytes: int = Field(gt=0, le=MOST_BYTES)
    """Memory of that card, or main memory on CPU."""
    driver: Label
    processor: Label
    """The processor's name; empty where it is unknown."""


class Rehearsed(Table):
    """The case that was run."""

    profile: Profile
    """The part of the plan that memory depends on."""
    accumulation: int = Field(gt=0, le=limits.MOST_EFFECTIVE_BATCH)
    """Micro-batches of a step; at most two are run."""
    rows: Literal["data", "made-up"]
    """Whether the rows were the longest micro-batch of the lock's data or made up in its shape."""
    lengths: tuple[int, ...] = Field(min_length=1, max_length=limits.MOST_EFFECTIVE_BATCH)
    """Tokens of each row of that micro-batch; with packing, of all rows of the step."""
    steps: int = Field(gt=1, le=1000)
    evaluates: bool
    """Whether an evaluation was run too."""
    held_out: tuple[int, ...] = Field(default=(), max_length=limits.MOST_EFFECTIVE_BATCH)
    """Tokens of each row of the evaluation's micro-batch; empty where it was not timed."""

    @property
    def rows_at_once(self) -> int:
        """The largest number of rows that `lengths` may have."""
        plan = self.profile
        return plan.micro_batch * (self.accumulation if plan.packing else 1)

    @property
    def step_tokens(self) -> int:
        """Tokens of a step, including padding."""
        found = batches.batches(self.lengths, self.profile, self.accumulation)
        times = 1 if self.profile.packing else self.accumulation
        return self._sequences * times * sum(batch.tokens for batch in found)

    @property
    def evaluation_tokens(self) -> int:
        """Tokens of the evaluation, including padding; 0 where it was not timed."""
        if self.profile.pass_tokens:
            return sum(self.held_out)
        return self._sequences * len(self.held_out) * max(self.held_out, default=0)

    @property
    def _sequences(self) -> int:
        return self.profile.rows // self.profile.micro_batch


MARK = b'"train_sha256":'
"""In the beginning of every `rehearsal.json`."""


class Rehearsal(Table):
    """The content of `rehearsal.json`."""

    version: Literal[1, 2]
    """2 since several processes are measured; files of version 1 are read as well."""
    train_sha256: Sha256
    """The lock's digest of its training stage, which identifies the plan."""
    model: Annotated[dict[Name, int | bool | Label], FEW_KEYS]
    """The model's shape."""
    parameters: int = Field(gt=0, le=limits.MOST_PARAMETERS)
    machine: Place
    packages: Annotated[dict[Name, Label], FEW_KEYS]
    """Installed versions of the lock's packages; empty where one is not installed."""
    case: Rehearsed
    measured: Measured
    tuned: Tuned | None = None
    """The finalists of the search that were timed; None if none were."""

    @model_validator(mode="after")
    def _possible(self) -> "Rehearsal":
        """Raise ValueError for figures that no rehearsal can produce."""
        for what, holds in self._checks():
            if not holds:
                raise ValueError(what)
        return self

    def _checks(self) -> Iterator[tuple[str, bool]]:
        plan, found, lengths = self.case.profile, self.measured, self.case.lengths
        phases = len(found.peaks) > 0 and set(found.peaks) <= set(PHASES)
        yield "`measured.peaks` is empty or has an unknown phase", phases
        sizes = (*found.peaks.values(), found.reserved_bytes, found.process_bytes)
        yield "`measured.main_bytes` is out of range", 0 <= found.main_bytes <= MOST_BYTES
        ranks = [one.rank for one in found.processes]
        known = len(set(ranks)) == len(ranks) and max(ranks, default=0) < plan.ranks
        yield "`measured.processes` has a rank twice, or one too many", known
        possible = exchanged.rate(found.exchanged) <= MOST_BYTES
        yield "`measured.exchanged` has a rate that is out of range", possible
        for name in ("evaluation_seconds", "host_seconds", "load_seconds", "seconds"):
            yield f"`measured.{name}` is out of range", 0 <= getattr(found, name) <= MOST_SECONDS
        held = found.allocated_bytes > 0 and all(0 <= size <= MOST_BYTES for size in sizes)
        yield "`measured` has a size that is out of range", held
        timed = all(0 < seconds <= MOST_SECONDS for seconds in found.step_seconds)
        enough = len(found.step_seconds) > 1 or not self.fitted
        yield "`measured.step_seconds` has too few times, or one out of range", timed and enough
        most = limits.MOST_CONTEXT_TOKENS
        seen = all(0 < length <= most for length in lengths)
        rows = seen and len(lengths) <= self.case.rows_at_once
        yield "`case.lengths` does not fit the micro-batch", rows
        evaluated = all(0 < length <= most for length in self.case.held_out)
        rows = evaluated and len(self.case.held_out) <= plan.micro_batch
        yield "`case.held_out` does not fit the micro-batch", rows
        fits = not plan.packing or max(lengths) <= plan.length
        yield "`case.lengths` has a row longer than the plan's rows", fits
        yield "`case.profile` is out of bounds", is_plan(plan)
        words = (found.out_of_memory, found.card, *plan.targets)
        shown = all(len(one) <= limits.MOST_LABEL_CHARS and is_harmless(one) for one in words)
        yield "`measured` or `case.profile` has invisible characters", shown

    @property
    def where(self) -> str:
        """The device's name, for a sentence."""
        return f"`{self.machine.card or self.machine.processor or 'a processor'}`"

    def timed(self) -> TimedStep:
        """Return the measured step, for a plan; requires `fitted`."""
        seconds, tokens = self.measured.evaluation_seconds, self.case.evaluation_tokens
        return TimedStep(
            "",
            self.measured.warm_step_seconds,
            self.case.step_tokens,
            "rehearsal",
            seconds if tokens else 0.0,
            tokens if seconds else 0,
        )

    @property
    def short(self) -> OneProcess | None:
        """The process that ran out of memory, if one of several did."""
        return by_process.short(self.measured.processes)

    def on(self, machine: MachineFacts) -> MachineFacts:
        """Return a machine with the rate at which its cards were measured to exchange data."""
        found = exchanged.rate(self.measured.exchanged)
        if not found or machine.kind != "cuda" or self.machine.kind != "cuda":
            return machine
        return replace(machine, links=replace(machine.links, card_bytes_per_second=round(found)))

    @property
    def fitted(self) -> bool:
        """Whether the run had enough memory."""
        return not self.measured.out_of_memory

    def is_of(self, plan: Profile) -> bool:
        """Return whether `plan` was rehearsed (`planner.search.ran.is_same`)."""
        return is_same(self.case.profile, plan)

    def check(self, model: ModelFacts, machine: MachineFacts) -> None:
        """Raise UsageProblem where the rehearsal was of another model or on another device.

        `machine` is one from `planner.search.from_answers.counted`.
        """
        if self.model != model.architecture.facts() or self.parameters != model.parameters:
            raise UsageProblem(
                f"The rehearsal was of a different model, not `{model.source}`.", fix=_AGAIN
            )
        card = machine.gpus[0].name if machine.gpus else ""
        own = self.machine
        other = card != own.card if machine.kind == own.kind else True
        processors = {machine.processor, own.processor} - {""}
        if other or (machine.kind == "cpu" and len(processors) > 1):
            there = f"`{card or machine.processor or 'a processor'}`"
            raise UsageProblem(
                f"The rehearsal ran on {self.where}, but the plan is for {there}.", fix=_AGAIN
            )


def load(path: Path) -> Rehearsal:
    """Read the output of `tunelock rehearse`. Raises UsageProblem where it is not valid."""
    try:
        return Rehearsal.model_validate_json(text.read(path, limit_bytes=LIMIT_BYTES))
    except ValidationError as problem:
        found = refusal.fault(problem, Rehearsal)
        what = f"`{found.key}` {found.words}" if found.key else found.words
        raise UsageProblem(f"`{path}` is not a valid rehearsal: {what}.", fix=_AGAIN) from None


def host_seconds(rehearsal: Rehearsal | None) -> float:
    """Return `Measured.host_seconds` of a rehearsal; 0 where it was not measured."""
    return rehearsal.measured.host_seconds if rehearsal else 0.0
