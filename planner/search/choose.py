"""Chooses every training setting that a person left open, with a reason for each.

The rules follow the fine-tuning guide: the rank by what must change, alpha twice the rank, every
linear layer adapted, a learning rate of 2e-4 for adapters and of 1e-5 for full weights. LoRA is
preferred to QLoRA, and full fine-tuning is chosen only on request. What a person set is kept.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from lockfiles.errors import UsageProblem
from lockfiles.fixes import Answer
from planner.machines.facts import MachineFacts
from planner.memory import Estimate, estimate
from planner.models.facts import ModelFacts
from planner.parallelism.engines import never
from planner.search import dropout, from_answers, lora_targets, ranking, reasons
from planner.search.candidates import Candidates
from planner.search.from_answers import counted
from planner.search.rejected import Alternative, refusal, rejected
from planner.search.wording import NAMES
from planner.setup.setup import Kind, Profile
from planner.speed.rate import Rate

if TYPE_CHECKING:
    from planner.interview.answers import Answers
    from planner.search.rehearsal import Rehearsal

__all__ = ["Alternative", "Choice", "choose"]

_CHANGES = {"style": "changing style", "behavior": "changing behavior", "domain": "a new domain"}
"""Each answer of `goal.change`, as a sentence names it."""
NARROW = 1024
"""Hidden width below which one thread is faster than several."""


@dataclass(frozen=True)
class Choice:
    """Every setting that the plan chooses, with its reasons."""

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
    """Rows per micro-batch in one process, at least 1."""
    accumulation: int
    """Micro-batches per optimizer step in one process."""
    checkpointing: bool
    """Whether activations are recomputed in the backward pass."""
    dtype: Literal["float32", "bfloat16"]
    """The type that the weights are loaded in."""
    learning_rate: float
    """Peak learning rate of the schedule."""
    threads: int
    """Threads of one operation on CPU, in each process; 0 on a GPU."""
    profile: Profile
    """The setup from which memory and speed are estimated."""
    estimate: Estimate
    """The memory that each process needs."""
    budget_bytes: int
    """Memory available to each process: that of the machine less a margin."""
    rate: Rate | None
    """How fast it trains, estimated from a sample of the rows; None where that is unknown."""
    why: Mapping[str, str]
    """The reason for each chosen value, by its dotted key in the lock."""
    rejected: tuple[Alternative, ...]
    """Other setups that were considered."""
    nodes: int = 1
    """Machines that the processes are spread over."""


def choose(
    answers: "Answers",
    model: ModelFacts,
    *,
    rows: int,
    longest: int,
    machine: MachineFacts,
    lengths: Sequence[int] = (),
    tokens: int = 0,
    rehearsal: "Rehearsal | None" = None,
) -> Choice:
    """Return the settings for training `model` on `rows` rows of at most `longest` tokens.

    `lengths` are the tokens of each row, from which plan times are estimated; without them, every
    row counts as `longest`. `tokens` is the total over all rows.
    A `rehearsal` must be of this model on this machine.

    Raises DoesNotFit where no plan fits the machine or it lacks the requested card, and
    UsageProblem where two answers contradict each other, or nothing could run the plan.
    """
    candidates = from_answers.candidates(
        answers, model, counted(answers, machine), rows=rows, longest=longest, lengths=lengths,
        tokens=tokens, rehearsal=rehearsal,
    )  # fmt: skip
    plan = ranking.best(candidates)
    if plan is None:
        raise refusal(candidates)
    if unable := never(plan.parallel, plan.offload, plan.method):
        raise UsageProblem(unable, fix=Answer("machine.offload", "auto"))
    threads = _threads(plan, candidates)
    timing = ranking.timing(candidates, plan, threads)
    return Choice(
        kind=plan.method,
        rank=plan.rank,
        alpha=_alpha(answers, plan),
        dropout=plan.dropout,
        targets=plan.targets,
        micro_batch=plan.micro_batch,
        accumulation=candidates.accumulation(plan.micro_batch),
        checkpointing=plan.checkpointing,
        dtype=plan.dtype,
        learning_rate=answers.number("train.learning_rate") or plan.spec.learning_rate[plan.method],
        threads=threads,
        profile=plan,
        estimate=estimate(model, plan),
        budget_bytes=candidates.budget_bytes,
        rate=timing[1] if timing else None,
        why=_why(answers, candidates, plan, threads),
        rejected=tuple(rejected(candidates, plan)),
        nodes=candidates.request.nodes,
    )


def _alpha(answers: "Answers", plan: Profile) -> int:
    return 0 if plan.method == "full" else answers.integer("method.alpha") or 2 * plan.rank


def _threads(plan: Profile, candidates: Candidates) -> int:
    if plan.device == "cuda":
        return 0
    narrow = candidates.model.architecture.hidden < NARROW
    return 1 if narrow else max(1, candidates.machine.cpu_cores // plan.ranks)


def _why(answers: "Answers", candidates: Candidates, plan: Profile, threads: int) -> dict[str, str]:
    """Return the reason for each value that the plan chose, by its dotted key in a lock."""
    given = {
        "method.rank": answers.integer("method.rank") > 0,
        "method.alpha": answers.integer("method.alpha") > 0,
        "train.learning_rate": answers.number("train.learning_rate") > 0,
    }
    found = {
        "method.kind": reasons.kind(candidates, plan),
        **_adapter(answers, candidates, plan),
        **reasons.why(candidates, plan),
        "train.learning_rate": _rate(plan),
        "exactness.threads": _why_threads(candidates, threads),
        **reasons.measured(candidates),
    }
    return {key: reasons.YOURS if given.get(key) else reason for key, reason in found.items()}


def _adapter(answers: "Answers", candidates: Candidates, plan: Profile) -> dict[str, str]:
    if plan.method == "full":
        nothing = "Full fine-tuning adds no adapter."
        return dict.fromkeys(("method.rank", "method.alpha", "method.targets"), nothing)
    change = answers.text("goal.change")
    return {
        "method.rank": f"Rank {plan.rank} is the usual choice for {_CHANGES[change]}.",
        "method.alpha": f"Twice the rank of {plan.rank}.",
        **_dropout(answers, candidates),
        **lora_targets.why(answers, candidates.model.architecture, plan),
    }


def _dropout(answers: "Answers", candidates: Candidates) -> dict[str, str]:
    said = dropout.reason(answers, candidates.request.rows or 0)
    return {"method.dropout": said or reasons.YOURS}


def _rate(plan: Profile) -> str:
    digits, power = f"{plan.spec.learning_rate[plan.method]:e}".split("e")
    rate = f"{float(digits):g}e{int(power)}"
    if plan.method == "full":
        return f"{rate} is the usual learning rate for full fine-tuning."
    return f"{rate} is a safe learning rate for {NAMES[plan.method]}."


def _why_threads(candidates: Candidates, threads: int) -> str:
    hidden = candidates.model.architecture.hidden
    if not threads:
        return "Training runs on the GPU."
    processes = candidates.request.processes
    if processes > 1 and hidden >= NARROW:  # from the lock's own values: a check compares them
        return f"{processes} processes share the {processes * threads} cores."
    if threads == 1:
        return f"Matrices of width {hidden} are too small to gain from several threads."
    return f"One thread for each of the {threads} cores: width {hidden} gains from several."
