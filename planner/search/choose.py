"""The first choice of every training setting: the best method that fits, and why.

The rules are the fine-tuning guide's: rank by what must change, alpha twice the rank, every
linear layer, 2e-4 for adapters and 1e-5 for full weights. LoRA comes before QLoRA, and full
fine-tuning is never chosen unasked. What a person set is never changed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from planner.interview.answers import Answers
from planner.machines.facts import MachineFacts
from planner.memory import Estimate, estimate
from planner.models.facts import ModelFacts
from planner.search import ranking
from planner.search.candidates import NARROW, Candidates, counted
from planner.search.reasons import Alternative, nothing_fits, rejected, why
from planner.setup.setup import Kind, Profile

if TYPE_CHECKING:
    from planner.search.rehearsal import Rehearsal

__all__ = ["Alternative", "Choice", "choose"]

_RATES: Mapping[Kind, float] = {"lora": 2e-4, "qlora": 2e-4, "full": 1e-5}


@dataclass(frozen=True)
class Choice:
    """Every setting that the plan chooses, with its reason."""

    kind: Kind
    """The method."""
    rank: int
    """Adapter rank; 0 for full."""
    alpha: int
    """Adapter scale; 0 for full."""
    dropout: float
    """Adapter dropout; 0 for full."""
    targets: tuple[str, ...]
    """Adapted layers; empty for full."""
    micro_batch: int
    """Rows at once, at least 1."""
    accumulation: int
    """Micro-batches of a step in each process; times `micro_batch` and the profile's `ranks` it
    is the effective batch."""
    checkpointing: bool
    """Whether activations are computed again in the backward pass."""
    dtype: Literal["float32", "bfloat16"]
    """What the weights are loaded in."""
    learning_rate: float
    """Greatest learning rate of the schedule."""
    threads: int
    """Threads of one operation on CPU, in each process; 0 on a GPU."""
    profile: Profile
    """The plan as its memory and its speed are counted."""
    estimate: Estimate
    """What it needs."""
    budget_bytes: int
    """What it may need: the counted memory less a margin."""
    why: Mapping[str, str]
    """The dotted key of the lock to the reason of its value."""
    rejected: tuple[Alternative, ...]
    """What was considered beside it."""


def choose(
    answers: Answers,
    model: ModelFacts,
    *,
    rows: int,
    longest: int,
    machine: MachineFacts,
    lengths: Sequence[int] = (),
    rehearsal: "Rehearsal | None" = None,
) -> Choice:
    """Return the settings for training `model` on `rows` rows of at most `longest` tokens.

    `lengths` are the rows' own, by which plans are compared; without them all are `longest`.
    A `rehearsal` is one of this model on this machine.

    Raises DoesNotFit where no plan fits the machine or it lacks the card that was asked for,
    and UsageProblem where two answers contradict each other.
    """
    counts = counted(answers, machine)
    candidates = Candidates(answers, model, counts, rows, longest, lengths, rehearsal)
    plan = ranking.best(candidates)
    if plan is None:
        raise nothing_fits(candidates)
    threads = _threads(plan, candidates)
    return Choice(
        kind=plan.method,
        rank=plan.rank,
        alpha=_alpha(answers, plan),
        dropout=plan.dropout,
        targets=plan.targets,
        micro_batch=plan.micro_batch,
        accumulation=answers.integer("train.effective_batch") // (plan.micro_batch * plan.ranks),
        checkpointing=plan.checkpointing,
        dtype=plan.dtype,
        learning_rate=answers.number("train.learning_rate") or _RATES[plan.method],
        threads=threads,
        profile=plan,
        estimate=estimate(model, plan),
        budget_bytes=candidates.budget_bytes,
        why=why(candidates, plan, threads),
        rejected=tuple(rejected(candidates, plan)),
    )


def _alpha(answers: Answers, plan: Profile) -> int:
    return 0 if plan.method == "full" else answers.integer("method.alpha") or 2 * plan.rank


def _threads(plan: Profile, candidates: Candidates) -> int:
    if plan.device == "cuda":
        return 0
    narrow = candidates.model.architecture.hidden < NARROW
    return 1 if narrow else max(1, candidates.machine.cpu_cores // plan.ranks)
