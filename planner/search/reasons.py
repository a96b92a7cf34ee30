"""Why a plan was chosen, why the others were not, and what to do where none fits, in words."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from lockfiles.errors import DoesNotFit
from lockfiles.fixes import Answer, Change
from planner.machines.occupancy import taken
from planner.search import lora_targets
from planner.search.candidates import CPU_BATCH_TOKENS, Candidates
from planner.search.ranking import fastest_of, seconds, slower
from planner.setup.setup import Kind, Profile

_YOURS = "You set it."
_NAMES: Mapping[Kind, str] = {"lora": "LoRA", "qlora": "QLoRA", "full": "full fine-tuning"}


@dataclass(frozen=True)
class Alternative:
    """A plan that was considered and not chosen."""

    what: str
    """Its method, micro-batch and checkpointing."""
    needed_bytes: int
    """Its peak, in bytes."""
    reason: str
    """Why it was not chosen, in one sentence."""


def why(candidates: Candidates, chosen: Profile, threads: int) -> dict[str, str]:
    """Return a sentence for each value that the plan chose, by its dotted key in a lock."""
    answers = candidates.answers
    given = {
        "method.rank": answers.integer("method.rank") > 0,
        "method.alpha": answers.integer("method.alpha") > 0,
        "train.micro_batch": answers.integer("method.micro_batch") > 0,
        "train.learning_rate": answers.number("train.learning_rate") > 0,
        "method.kind": answers.text("method.kind") != "auto",
        "train.checkpointing": answers.text("method.checkpointing") != "auto",
        "stream.packing": answers.text("method.packing") != "auto",
    }
    reasons = {
        "method.kind": _kind(candidates, chosen),
        **_adapter(candidates, chosen),
        "train.micro_batch": _micro_batch(candidates, chosen),
        "train.accumulation": _accumulation(candidates, chosen),
        "train.checkpointing": _checkpointing(candidates, chosen),
        **_packing(candidates, chosen),
        "train.dtype": _dtype(candidates, chosen),
        "train.learning_rate": _rate(chosen),
        "exactness.threads": _threads(candidates, threads),
        **_measured(candidates),
    }
    return {key: _YOURS if given.get(key) else reason for key, reason in reasons.items()}


def _kind(candidates: Candidates, chosen: Profile) -> str:
    need, budget = gib(candidates.need(chosen)), gib(candidates.budget_bytes)
    if chosen.method == "lora":
        return f"LoRA fits with unrounded weights: it needs {need}, and {budget} may be used."
    least = candidates.profile("lora", candidates.micro_batches[-1], candidates.checkpointings[-1])
    return (
        f"LoRA needs {gib(candidates.need(least))} or more, and {budget} may be used; QLoRA "
        f"needs {need}."
    )


def _adapter(candidates: Candidates, chosen: Profile) -> dict[str, str]:
    if chosen.method == "full":
        nothing = "Full fine-tuning adds no adapter."
        return dict.fromkeys(("method.rank", "method.alpha", "method.targets"), nothing)
    change = candidates.answers.text("goal.change")
    return {
        "method.rank": f"Rank {chosen.rank} is usual where {change} must change.",
        "method.alpha": f"Twice the rank of {chosen.rank}.",
        **lora_targets.why(candidates.answers, candidates.model.architecture, chosen),
    }


def _measured(candidates: Candidates) -> dict[str, str]:
    """Return a sentence for cards on which the estimate was not compared with a run."""
    card = candidates.machine.least_free
    if not card or card.vendor == "NVIDIA":
        return {}
    return {
        "prediction.peak_bytes": f"The estimate is of CUDA's allocator; on cards of {card.vendor} "
        "neither it nor training was measured."
    }


def _micro_batch(candidates: Candidates, chosen: Profile) -> str:
    micro, effective = chosen.micro_batch, candidates.answers.integer("train.effective_batch")
    larger = _larger(candidates, chosen)
    if larger:
        fits = candidates.fits(larger)
        return (
            f"With {_rows(micro)} at once it needs {gib(candidates.need(chosen))}; "
            f"{larger.micro_batch} would need {gib(candidates.need(larger))}"
            + (_slower(candidates, larger, chosen) if fits else _of_budget(candidates))
        )
    if micro == effective:
        return f"The whole effective batch of {effective} fits at once."
    if candidates.rows < CPU_BATCH_TOKENS // chosen.length or chosen.device == "cuda":
        return f"No larger share of {effective} is within the {_rows(candidates.rows)} there are."
    return (
        f"{_rows(micro)} of up to {chosen.length} tokens; beyond {CPU_BATCH_TOKENS} tokens at "
        "once a CPU gains nothing."
    )


def _accumulation(candidates: Candidates, chosen: Profile) -> str:
    effective = candidates.answers.integer("train.effective_batch")
    times = effective // chosen.micro_batch
    if chosen.packing and times > 1:
        return f"The {effective} rows of a step, joined, take at most {times} passes."
    return f"{times} times {chosen.micro_batch} make the effective batch of {effective}."


def _checkpointing(candidates: Candidates, chosen: Profile) -> str:
    if not chosen.checkpointing:
        return "It fits without, and checkpointing costs about 20% of the speed."
    least = _stored(candidates, chosen)
    if candidates.fits(least):
        return (
            f"It leaves room for {_rows(chosen.micro_batch)} at once; without it "
            f"{_rows(least.micro_batch)} would need {gib(candidates.need(least))}"
            + _slower(candidates, least, chosen)
        )
    return (
        f"Without it even {_rows(least.micro_batch)} at once would need "
        f"{gib(candidates.need(least))} of {gib(candidates.budget_bytes)}."
    )


def _packing(candidates: Candidates, chosen: Profile) -> dict[str, str]:
    """Return a sentence on packing, where there is a choice or it was set."""
    if len(candidates.packings) < 2:
        return {"stream.packing": _YOURS} if chosen.packing else {}
    other = fastest_of(candidates, chosen.method, packing=not chosen.packing)
    took, least = seconds(candidates, chosen), other and seconds(candidates, other)
    if not took or not other or not least:
        return {}
    if chosen.packing:
        rows = f"Rows of {min(candidates.lengths)} to {chosen.length} tokens"
        return {"stream.packing": f"{rows}, padded, would take {least / took - 1:.0%} longer."}
    return {"stream.packing": f"Joined rows would fit{slower(least, took)}"}


def _dtype(candidates: Candidates, chosen: Profile) -> str:
    if chosen.device == "cpu":
        return "A CPU computes float32 fastest and exactly."
    least = min(candidates.machine.gpus, key=lambda gpu: gpu.computes_bfloat16)
    able = "computes bfloat16" if chosen.dtype == "bfloat16" else "has no bfloat16, from 8.0 on"
    kind = "Instruction set" if least.vendor == "AMD" else "Compute capability"
    return f"{kind} {least.compute_capability} {able}."


def _rate(chosen: Profile) -> str:
    if chosen.method == "full":
        return "1e-5 is the usual rate for full fine-tuning."
    return f"2e-4 is a safe rate for {_NAMES[chosen.method]}."


def _threads(candidates: Candidates, threads: int) -> str:
    hidden = candidates.model.architecture.hidden
    if not threads:
        return "Training runs on the GPU."
    if threads == 1:
        return f"Matrices of width {hidden} are too small to share between threads."
    return f"One for each of the {threads} cores: the model's width is {hidden}."


def rejected(candidates: Candidates, chosen: Profile) -> Iterator[Alternative]:
    """Yield the plans beside the chosen one: a larger micro-batch, without checkpointing, and
    the other methods."""
    if larger := _larger(candidates, chosen):
        yield _alternative(candidates, larger, chosen)
    if chosen.checkpointing and len(candidates.checkpointings) > 1:
        yield _alternative(candidates, _stored(candidates, chosen), chosen)
    for kind in _NAMES:
        if kind != chosen.method and not (kind == "qlora" and candidates.no_qlora):
            least = candidates.micro_batches[-1]
            plan = candidates.profile(kind, least, checkpointing=True)
            yield _alternative(candidates, plan, chosen)


def _stored(candidates: Candidates, chosen: Profile) -> Profile:
    """Return the least plan without checkpointing."""
    least = candidates.micro_batches[-1]
    return candidates.profile(chosen.method, least, checkpointing=False, packing=chosen.packing)


def _larger(candidates: Candidates, chosen: Profile) -> Profile | None:
    sizes = [size for size in candidates.micro_batches if size > chosen.micro_batch]
    if not sizes:
        return None
    return candidates.profile(chosen.method, sizes[-1], chosen.checkpointing, chosen.packing)


def _slower(candidates: Candidates, plan: Profile, chosen: Profile) -> str:
    """Return the end of a sentence on a plan that fits: how much longer it would take."""
    return slower(seconds(candidates, plan), seconds(candidates, chosen))


def _of_budget(candidates: Candidates) -> str:
    return f" of {gib(candidates.budget_bytes)}."


def _alternative(candidates: Candidates, plan: Profile, chosen: Profile) -> Alternative:
    need = candidates.need(plan)
    if need > candidates.budget_bytes:
        reason = f"It needs {gib(need)}, and {gib(candidates.budget_bytes)} may be used."
    elif plan.method == chosen.method:
        reason = f"It would fit in {gib(need)}{_slower(candidates, plan, chosen)}"
    elif candidates.answers.text("method.kind") != "auto":
        reason = f"It would fit in {gib(need)}, but you set the method."
    elif plan.method == "qlora":
        reason = f"It would fit in {gib(need)}, but 4-bit weights cost quality, and LoRA fits."
    else:
        reason = f"It would fit in {gib(need)}, but adapters learn most tasks and forget less."
    return Alternative(_describe(plan), need, reason)


def nothing_fits(candidates: Candidates) -> DoesNotFit:
    """Return the error for a machine on which no plan fits, with the change that would help."""
    machine = candidates.machine
    smallest = min(candidates, key=lambda plan: (candidates.need(plan), plan.micro_batch))
    least = machine.least_free
    where = f"`{least.name}`" if least else "main memory"
    busy = taken(least) if least else ""
    return DoesNotFit(
        f"No plan fits: the smallest ({_describe(smallest)}) needs "
        f"{gib(candidates.need(smallest))}, and {gib(candidates.budget_bytes)} of {where} may be "
        f"used{f': {busy}' if busy else ''}.",
        fix=_way_out(candidates, smallest),
    )


def _way_out(candidates: Candidates, smallest: Profile) -> Answer | Change:
    for answer, plan in _changes(candidates, smallest):
        if candidates.fits(plan):
            return answer
    return Change("machine.facts", "a file with the facts of a larger machine")


def _changes(candidates: Candidates, smallest: Profile) -> Iterator[tuple[Answer, Profile]]:
    """Yield single answers that need less, the mildest first."""
    one = candidates.profile(smallest.method, 1, smallest.checkpointing)
    yield Answer("method.checkpointing", "on"), replace(smallest, checkpointing=True)
    yield Answer("method.micro_batch", 1), one
    for kind in ("lora", "qlora"):
        if kind not in candidates.kinds and not (kind == "qlora" and candidates.no_qlora):
            plan = candidates.profile(kind, smallest.micro_batch, smallest.checkpointing)
            yield Answer("method.kind", kind), plan
    length = 64 * (smallest.length // 128)
    while length:
        yield Answer("train.max_length", length), replace(smallest, length=length)
        length = 64 * (length // 128)


def _describe(plan: Profile) -> str:
    tail = ", checkpointing" if plan.checkpointing else ""
    tail += ", packing" if plan.packing else ""
    return f"{_NAMES[plan.method]}, micro-batch {plan.micro_batch}{tail}"


def _rows(count: int) -> str:
    return f"{count} row" if count == 1 else f"{count} rows"


def gib(size: int) -> str:
    """Return a size in words, such as `12.3 GiB`."""
    return f"{size / (1 << 30):.1f} GiB"
