"""The finalists of a plan search as locks, and the cases that time their steps."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import cycle, islice
from typing import Any

from lockfiles.lock import TrainingLock
from planner.data.tokens import layout
from planner.data.tokens.example import Example
from planner.data.tokens.order import epoch_order
from planner.interview.answers import Answers
from planner.machines.facts import MachineFacts
from planner.memory import estimate
from planner.memory.family_quirks import attention
from planner.models.architecture import drops_scores, rescales
from planner.plan import passes
from planner.search import from_answers
from planner.search.candidates import Candidates
from planner.search.finalists import finalists
from planner.search.ran import is_same
from planner.search.ranking import best
from planner.search.tuned import Finalist, Tuned
from planner.setup.setup import Profile
from runner.inputs.setup import model_of, profile_of
from runner.rehearse.case import Case

_SPREAD = (0.5625, 0.3125, 0.8125, 0.1875, 0.6875, 0.4375, 0.9375, 0.0625)
"""Which steps are timed, from small (0) to large (1): the first ones have all sizes, too."""
STEPS = len(_SPREAD)
"""Timed steps of each finalist, at most; one more warms up."""


@dataclass(frozen=True)
class Trials:
    """What is compared."""

    lock: TrainingLock
    """The lock whose plan is the first finalist."""
    candidates: Candidates
    """The plans that are possible for its answers."""
    rows: Sequence[Example]
    """Its training rows."""
    plans: tuple[Profile, ...]
    """The finalists, the plan of the lock first."""

    def cases(self, config: Mapping[str, Any]) -> tuple[Case, ...]:
        """Return a case for each finalist; `config` is the model's `config.json`."""
        steps = self.steps
        largest = max(steps, key=self._tokens)
        picked = [self.rows[row] for step in (largest, *steps) for row in step]
        return tuple(self._case(plan, config, picked) for plan in self.plans)

    def _case(self, plan: Profile, config: Mapping[str, Any], picked: Sequence[Example]) -> Case:
        return Case(
            name=self.lock.intent.name,
            config=config,
            profile=plan,
            accumulation=self.candidates.accumulation(plan.micro_batch),
            rows=tuple(picked),
            every=True,
            steps=len(self.steps) + 1,
            evaluate=False,
            objective=self.lock.objective.model_dump(exclude={"name"}),
            graph_sizes=self._sizes(plan),
        )

    @cached_property
    def lengths(self) -> list[int]:
        """Tokens of each row."""
        return [row.length for row in self.rows]

    def _tokens(self, step: Sequence[int]) -> int:
        return sum(self.lengths[row] for row in step)

    @cached_property
    def steps(self) -> list[list[int]]:
        """The row numbers of each timed step: steps of the first epoch of all sizes, so that the
        first of them are as well."""
        size = self.step_rows
        order = epoch_order(len(self.rows), self.lock.train.seed, 0)
        whole = range(0, len(order) - size + 1, size)
        found = [list(order[first : first + size]) for first in whole]
        found = sorted(found or [list(islice(cycle(order), size))], key=self._tokens)
        return [found[at] for at in dict.fromkeys(int(at * len(found)) for at in _SPREAD)]

    @property
    def step_rows(self) -> int:
        """Rows of a step."""
        return self.lock.train.micro_batch * self.lock.train.accumulation

    def _sizes(self, plan: Profile) -> tuple[int, ...]:
        """Return the sizes that recorded passes of the timed steps are filled up to."""
        if not plan.graph_sizes:
            return ()
        known = self.variant(plan).train.graph_sizes
        own = [[self.lengths[row] for row in step] for step in self.steps]
        tokens = {
            sum(step[row] for row in one)
            for step in own
            for one in layout.passes(step, plan.pass_tokens)
        }
        return tuple(sorted({layout.size_of(each, known) for each in tokens}))

    def tuned(self, found: Sequence[Mapping[str, Any]]) -> Tuned:
        """Return the record of the finalists; `found` has the times of each, or why there are
        none."""
        lengths = tuple(tuple(self.lengths[row] for row in step) for step in self.steps)
        timed = (
            Finalist(
                profile=plan,
                step_seconds=tuple(one.get("step_seconds", ())),
                untimed=one.get("untimed", ""),
            )
            for plan, one in zip(self.plans, found, strict=True)
        )
        return Tuned(lengths=lengths, finalists=tuple(timed))

    def fastest(self, tuned: Tuned) -> Profile:
        """Return the finalist that a plan with these times would choose."""
        if not tuned.steps:
            return self.plans[0]
        chosen = best(replace(self.candidates, tuned=tuned))
        at = tuned.index(chosen) if chosen else None
        return self.plans[at or 0]

    def variant(self, plan: Profile) -> TrainingLock:
        """Return the lock with another finalist's settings and its estimate; its digests stay."""
        if plan == self.plans[0]:
            return self.lock
        lock, train = self.lock, self.lock.train
        laid = passes.of_plan(plan, self.lengths, self.step_rows, train.seed, train.epochs)
        changed = {
            "pass_tokens": 0, "most_passes": 1, "kernels": "eager", "graph_sizes": [],
            **laid.train,
            "micro_batch": plan.micro_batch,
            "accumulation": self.candidates.accumulation(plan.micro_batch),
            "checkpointing": plan.checkpointing,
            "attention": _attention(plan, lock),
        }  # fmt: skip
        peak = estimate(self.candidates.model, plan).peak
        parts = {"peak_bytes": peak.peak_bytes, "components": dict(peak.components)}
        return lock.model_copy(
            update={
                "train": train.model_copy(update=changed),
                "stream": lock.stream.model_copy(update={"packing": laid.packing}),
                "prediction": lock.prediction.model_copy(update=parts),
            }
        )


def trials(
    lock: TrainingLock,
    answers: Answers,
    config: dict[str, Any],
    rows: Sequence[Example],
    machine: MachineFacts,
) -> Trials:
    """Return what to compare for a lock that was planned from these answers.

    `config` is the model's `config.json`, `rows` are the training rows, and `machine` is that of
    the lock.
    """
    lengths = tuple(row.length for row in rows)
    name = lock.model.source
    model = replace(
        model_of(lock), drops_scores=drops_scores(config, name), rescales=rescales(config, name)
    )
    found = from_answers.candidates(
        answers, model, from_answers.counted(answers, machine), rows=len(rows),
        longest=max(lengths), lengths=lengths, tokens=lock.stream.tokens,
    )  # fmt: skip
    own = profile_of(lock, max(lengths), padded=lock.train.micro_batch > 1)
    every = found.of(own.method, (own.parallel, own.offload))
    chosen = next((plan for plan in every if is_same(own, plan)), own)
    return Trials(lock, found, rows, finalists(found, chosen))


def _attention(plan: Profile, lock: TrainingLock) -> str:
    return "varlen" if plan.attention == "varlen" else attention(lock.model.family)
