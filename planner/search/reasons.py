"""Why a plan was chosen, in sentences that locks, the wizard and `fit` share."""

from dataclasses import replace

from planner.models.layers import blocks
from planner.search import (
    effective_tokens,
    fp8,
    kernel_reasons,
    layout_reasons,
    pass_reasons,
    timed_reasons,
)
from planner.search.candidates import Candidates
from planner.search.ranking import TIE, seconds, slower
from planner.search.space import CPU_BATCH_TOKENS
from planner.search.wording import gib, of_budget, rows
from planner.setup.setup import Profile

YOURS = "You set it."
MEASURED = "NVIDIA"
"""The maker of the cards that the estimate was measured on."""


def kind(candidates: Candidates, chosen: Profile) -> str:
    """Return why a plan has its method, and what of the model it leaves frozen in any case."""
    left = frozen(getattr(candidates.model, "aside", 0))
    return f"{_method(candidates, chosen)}{left and f' {left}'}"


def frozen(aside: int) -> str:
    """Return a sentence on what surrounds a decoder, of `aside` parameters; empty for none."""
    if not aside:
        return ""
    return f"The {aside:,} parameters outside its decoder (vision or audio) stay frozen."


def _method(candidates: Candidates, chosen: Profile) -> str:
    if candidates.request.method:
        return YOURS
    need, budget = gib(candidates.wanted(chosen)), gib(candidates.budget_bytes)
    if chosen.method == "lora":
        share = f"{need.removesuffix(' GiB')} of {budget}"
        return (
            f"LoRA fits without quantization: needs {share} available{_peak(candidates, chosen)}."
        )
    least = candidates.least("lora")
    return (
        f"LoRA needs at least {gib(candidates.wanted(least))}, but only {budget} is available; "
        f"QLoRA needs {need}{_peak(candidates, chosen)}."
    )


def _peak(candidates: Candidates, plan: Profile) -> str:
    """Return the peak of a plan in parentheses, where it is not all that the plan needs."""
    peak = gib(candidates.need(plan))
    return "" if peak == gib(candidates.wanted(plan)) else f" (its peak of {peak}, plus overhead)"


def why(candidates: Candidates, chosen: Profile) -> dict[str, str]:
    """Return a sentence for each value that the search chose besides the method, by its dotted
    key in a lock."""
    asked = candidates.request
    given = {
        "parallel.engine": asked.parallel is not None,
        "train.micro_batch": asked.micro_batch is not None,
        "train.checkpointing": asked.checkpointing is not None,
        "stream.packing": asked.packing is not None,
    }
    reasons = {
        **layout_reasons.layout(candidates, chosen),
        "train.micro_batch": _micro_batch(candidates, chosen),
        "train.accumulation": _accumulation(candidates, chosen),
        "train.checkpointing": _checkpointing(candidates, chosen),
        **pass_reasons.packing(candidates, chosen),
        **pass_reasons.bounds(candidates, chosen),
        **kernel_reasons.why(candidates, chosen),
        **fp8.why(candidates, chosen),
        "train.dtype": _dtype(candidates, chosen),
        **_kernels(candidates),
    }
    found = {key: YOURS if given.get(key) else reason for key, reason in reasons.items()}
    further = (effective_tokens.reason(asked), timed_reasons.of(candidates, chosen))
    said = " ".join(filter(None, (found["train.micro_batch"], *further)))
    return found | {"train.micro_batch": said}


def measured(candidates: Candidates) -> dict[str, str]:
    """Return a sentence for cards on which the estimate was never compared with a run."""
    card = candidates.used.least_free
    if not card or card.vendor == MEASURED:
        return {}
    said = (
        "The estimate models CUDA's allocator; neither it nor training has been measured on "
        f"{card.vendor} cards."
    )
    if card.vendor == "Intel":
        said = "The estimate models CUDA's allocator. Training on Intel cards is not supported."
    return {"prediction.peak_bytes": said}


def _micro_batch(candidates: Candidates, chosen: Profile) -> str:
    micro, share = chosen.micro_batch, candidates.share
    if chosen.pass_tokens:
        if share == 1:
            return f"Each row is a pass of its own, of at most {chosen.pass_tokens:,} tokens."
        alike = ", as many on each card" if chosen.ranks > 1 else ""
        return (
            "The rows of a step are concatenated, without padding, in passes of at most "
            f"{chosen.pass_tokens:,} tokens{alike}."
        )
    if larger := next_larger(candidates, chosen):
        fits = candidates.fits(larger)
        return (
            f"Micro-batch {micro} needs {gib(candidates.wanted(chosen))}"
            f"{_peak(candidates, chosen)}; "
            f"{larger.micro_batch} would need {gib(candidates.wanted(larger))}"
            + (slower(candidates, larger, chosen) if fits else of_budget(candidates))
        )
    if micro == share:
        return _whole(candidates, micro)
    known = candidates.request.rows
    if known is not None and (known < CPU_BATCH_TOKENS // chosen.length or chosen.device == "cuda"):
        return f"The data has only {rows(known)}, and the micro-batch must divide {share}."
    return (
        f"Above {rows(micro)} of up to {chosen.length:,} tokens, a larger micro-batch is not "
        "faster on a CPU."
    )


def _whole(candidates: Candidates, micro: int) -> str:
    """Return why no larger micro-batch is possible."""
    if candidates.request.accumulation:
        return f"Micro-batches above {micro} are not tried."
    if candidates.request.processes == 1:
        return f"The full effective batch of {micro} fits in one micro-batch."
    return f"Each process computes its {rows(micro)} of a step in one micro-batch."


def _accumulation(candidates: Candidates, chosen: Profile) -> str:
    if chosen.pass_tokens:
        return pass_reasons.count(candidates, chosen)
    processes, times = chosen.ranks, candidates.accumulation(chosen.micro_batch)
    effective = times * chosen.micro_batch * processes
    if chosen.packing and times > 1:
        return f"The {effective} rows of a step, packed, take at most {times} passes."
    spread = f" in each of {processes} processes" if processes > 1 else ""
    count = "1 micro-batch" if times == 1 else f"{times} micro-batches"
    make = "makes" if times == 1 else "make"
    return f"{count} of {chosen.micro_batch}{spread} {make} an effective batch of {effective}."


def _checkpointing(candidates: Candidates, chosen: Profile) -> str:
    if not chosen.checkpointing:
        return f"It fits without gradient checkpointing, {_recomputing(candidates, chosen)}"
    same = replace(chosen, checkpointing=False)
    if candidates.fits(same):
        need = gib(candidates.wanted(same))
        return f"Without checkpointing, it would need {need}" + slower(candidates, same, chosen)
    least = without_checkpointing(candidates, chosen)
    many, few = _at_once(chosen), _at_once(least)
    need = gib(candidates.wanted(least))
    if candidates.fits(least):
        return f"Checkpointing allows {many}; without it, {few} would need {need}" + slower(
            candidates, least, chosen
        )
    return f"Without checkpointing, even {few} would need {need}{of_budget(candidates)}"


def _recomputing(candidates: Candidates, chosen: Profile) -> str:
    """Return what the fastest plan with checkpointing would cost, as the end of a sentence."""
    took = seconds(candidates, chosen)
    others = candidates.of(chosen.method, (chosen.parallel, chosen.offload))
    alike = (one for one in others if one.checkpointing and one.packing == chosen.packing)
    times = [seconds(candidates, one) for one in alike if candidates.fits(one)]
    least = min((each for each in times if each), default=None)
    if not took or not least:
        return "which usually costs about 20% of the speed."
    if least / took - 1 <= TIE:
        return "which would not be faster."
    return f"which would take {least / took - 1:.0%} longer."


def _at_once(plan: Profile) -> str:
    if plan.pass_tokens:
        return f"passes of {plan.pass_tokens:,} tokens"
    return f"a micro-batch of {plan.micro_batch}"


def _kernels(candidates: Candidates) -> dict[str, str]:
    """Return a sentence on layers that torch computes without a kernel of their own."""
    shape = candidates.model.architecture
    found = [block for block in blocks(shape) if block.mixer and block.mixer.slow]
    if not found or not found[0].mixer:
        return {}
    count = f"{sum(block.count for block in found)} of {shape.layers}"
    names = " and ".join(f"`{name}`" for name in found[0].mixer.kernels)
    kernels = any(gpu.vendor in ("NVIDIA", "AMD") for gpu in candidates.used.gpus)
    faster = f"; with {names} installed, they are faster and need less memory"
    return {
        "train.attention": f"{count} layers mix tokens without attention. The estimate counts "
        f"torch's own operations{faster if kernels else ''}."
    }


def _dtype(candidates: Candidates, chosen: Profile) -> str:
    if chosen.device == "cpu":
        return "float32 is the fastest and most exact type on a CPU."
    least = min(candidates.used.gpus, key=lambda gpu: gpu.computes_bfloat16)
    able = "supports bfloat16" if chosen.dtype == "bfloat16" else "is below 8.0: no bfloat16"
    name = "Compute capability" if least.vendor == "NVIDIA" else "Instruction set"
    return f"{name} {least.compute_capability} {able}."


def without_checkpointing(candidates: Candidates, chosen: Profile) -> Profile:
    """Return the plan without checkpointing that needs least: with passes of the longest row, or
    with the smallest micro-batch."""
    if chosen.pass_tokens:
        steps = candidates.steps
        return replace(
            chosen, checkpointing=False, pass_tokens=steps.longest,
            accumulates=steps.longest < steps.largest,
        )  # fmt: skip
    least = candidates.micro_batches[-1]
    return candidates.other(chosen, micro_batch=least, checkpointing=False)


def next_larger(candidates: Candidates, chosen: Profile) -> Profile | None:
    """Return the plan with the next larger micro-batch that is tried; None if there is none."""
    sizes = [size for size in candidates.micro_batches if size > chosen.micro_batch]
    return candidates.other(chosen, micro_batch=sizes[-1]) if sizes else None
