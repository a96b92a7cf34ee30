"""Why a plan was chosen, in sentences: the same ones in a lock, in the wizard and in `fit`."""

from collections.abc import Mapping

from planner.parallelism.layouts import NAMES as LAYOUTS
from planner.search.candidates import Candidates
from planner.search.ranking import fastest_of, seconds, slower, slower_by
from planner.search.space import CPU_BATCH_TOKENS
from planner.setup.setup import Kind, Profile

YOURS = "You set it."
NAMES: Mapping[Kind, str] = {"full": "full fine-tuning", "lora": "LoRA", "qlora": "QLoRA"}
"""Each method in words."""
MEASURED = "NVIDIA"
"""The maker of the cards that the estimate was measured on."""


def kind(candidates: Candidates, chosen: Profile) -> str:
    """Return why a plan has its method."""
    if candidates.request.method:
        return YOURS
    need, budget = gib(candidates.need(chosen)), gib(candidates.budget_bytes)
    if chosen.method == "lora":
        return f"LoRA fits with unrounded weights: it needs {need}, and {budget} may be used."
    least = candidates.least("lora")
    return (
        f"LoRA needs {gib(candidates.need(least))} or more, and {budget} may be used; QLoRA "
        f"needs {need}."
    )


def why(candidates: Candidates, chosen: Profile) -> dict[str, str]:
    """Return a sentence for each value that the search chose beside the method, by its dotted key
    in a lock."""
    asked = candidates.request
    given = {
        "parallel.engine": asked.parallel is not None,
        "train.micro_batch": asked.micro_batch is not None,
        "train.checkpointing": asked.checkpointing is not None,
        "stream.packing": asked.packing is not None,
    }
    reasons = {
        **_layout(candidates, chosen),
        "train.micro_batch": _micro_batch(candidates, chosen),
        "train.accumulation": _accumulation(candidates, chosen),
        "train.checkpointing": _checkpointing(candidates, chosen),
        **_packing(candidates, chosen),
        "train.dtype": _dtype(candidates, chosen),
    }
    return {key: YOURS if given.get(key) else reason for key, reason in reasons.items()}


def measured(candidates: Candidates) -> dict[str, str]:
    """Return a sentence for cards on which the estimate was not compared with a run."""
    card = candidates.machine.least_free
    if not card or card.vendor == MEASURED:
        return {}
    return {
        "prediction.peak_bytes": f"The estimate is of CUDA's allocator; on cards of {card.vendor} "
        "neither it nor training was measured."
    }


def _layout(candidates: Candidates, chosen: Profile) -> dict[str, str]:
    """Return a sentence on how processes share the work, where there is something to share."""
    if chosen.parallel == "single":
        return {}
    each = "card" if chosen.device == "cuda" else "process"
    if chosen.copied:
        return {"parallel.engine": f"Each {each} holds the model, so that only gradients travel."}
    allowed = candidates.layouts_of(chosen.method)
    before = allowed.index((chosen.parallel, chosen.offload)) - 1
    if before < 0:
        return {"parallel.engine": f"{LAYOUTS[chosen.parallel]} is the least that offloads this."}
    parallel, offload = allowed[before]
    less = candidates.other(
        chosen, micro_batch=candidates.micro_batches[-1], parallel=parallel, offload=offload,
        checkpointing=candidates.checkpointings[-1],
    )  # fmt: skip
    tail = "" if offload == "none" else f" with {offload} offloaded"
    need = gib(candidates.need(less))
    return {"parallel.engine": f"{LAYOUTS[parallel]}{tail} would need {need} on each card."}


def _micro_batch(candidates: Candidates, chosen: Profile) -> str:
    micro, share = chosen.micro_batch, candidates.share
    if larger := next_larger(candidates, chosen):
        fits = candidates.fits(larger)
        return (
            f"With {rows(micro)} at once it needs {gib(candidates.need(chosen))}; "
            f"{larger.micro_batch} would need {gib(candidates.need(larger))}"
            + (slower(candidates, larger, chosen) if fits else f" {_of_budget(candidates)}")
        )
    if micro == share:
        return _whole(candidates, micro)
    known = candidates.request.rows
    if known is not None and (known < CPU_BATCH_TOKENS // chosen.length or chosen.device == "cuda"):
        return f"No larger share of {share} is within the {rows(known)} there are."
    return (
        f"With more than {rows(micro)} of up to {chosen.length} tokens at once, a CPU gains "
        "nothing."
    )


def _whole(candidates: Candidates, micro: int) -> str:
    """Return that a micro-batch is as large as one can be."""
    if candidates.request.accumulation:
        return f"More than {rows(micro)} at once are not tried."
    if candidates.request.processes == 1:
        return f"The whole effective batch of {micro} fits at once."
    return f"Each process computes its {rows(micro)} of a step at once."


def _accumulation(candidates: Candidates, chosen: Profile) -> str:
    processes, times = chosen.ranks, candidates.accumulation(chosen.micro_batch)
    effective = times * chosen.micro_batch * processes
    if chosen.packing and times > 1:
        return f"The {effective} rows of a step, joined, take at most {times} passes."
    spread = f" in each of {processes} processes" if processes > 1 else ""
    return f"{times} times {chosen.micro_batch}{spread} make the effective batch of {effective}."


def _checkpointing(candidates: Candidates, chosen: Profile) -> str:
    if not chosen.checkpointing:
        return "It fits without checkpointing, which costs about 20% of the speed."
    least = without_checkpointing(candidates, chosen)
    if candidates.fits(least):
        return (
            f"Checkpointing leaves room for {rows(chosen.micro_batch)} at once; without it "
            f"{rows(least.micro_batch)} would need {gib(candidates.need(least))}"
            + slower(candidates, least, chosen)
        )
    return (
        f"Without checkpointing even {rows(least.micro_batch)} at once would need "
        f"{gib(candidates.need(least))} {_of_budget(candidates)}"
    )


def _packing(candidates: Candidates, chosen: Profile) -> dict[str, str]:
    """Return a sentence on packing, where there is a choice or it was set."""
    if len(candidates.packings) < 2:
        return {"stream.packing": YOURS} if chosen.packing else {}
    other = fastest_of(candidates, chosen.method, packing=not chosen.packing)
    took, least = seconds(candidates, chosen), other and seconds(candidates, other)
    if not took or not other or not least:
        return {}
    if chosen.packing:
        between = f"Rows of {min(candidates.request.lengths)} to {chosen.length} tokens"
        return {"stream.packing": f"{between}, padded, would take {least / took - 1:.0%} longer."}
    return {"stream.packing": f"Joined rows would fit{slower_by(least, took)}"}


def _dtype(candidates: Candidates, chosen: Profile) -> str:
    if chosen.device == "cpu":
        return "A CPU computes float32 fastest and exactly."
    least = min(candidates.machine.gpus, key=lambda gpu: gpu.computes_bfloat16)
    able = "computes bfloat16" if chosen.dtype == "bfloat16" else "has no bfloat16, from 8.0 on"
    name = "Instruction set" if least.vendor == "AMD" else "Compute capability"
    return f"{name} {least.compute_capability} {able}."


def without_checkpointing(candidates: Candidates, chosen: Profile) -> Profile:
    """Return the plan without checkpointing that needs least."""
    least = candidates.micro_batches[-1]
    return candidates.other(chosen, micro_batch=least, checkpointing=False)


def next_larger(candidates: Candidates, chosen: Profile) -> Profile | None:
    """Return the same plan with the next larger micro-batch that is tried, if there is one."""
    sizes = [size for size in candidates.micro_batches if size > chosen.micro_batch]
    return candidates.other(chosen, micro_batch=sizes[-1]) if sizes else None


def _of_budget(candidates: Candidates) -> str:
    return f"of {gib(candidates.budget_bytes)}."


def describe(plan: Profile) -> str:
    """Return method, micro-batch, checkpointing, packing, and how processes share the work."""
    parts = [NAMES[plan.method], f"micro-batch {plan.micro_batch}"]
    parts += ["checkpointing"] * plan.checkpointing + ["packing"] * plan.packing
    parts += [LAYOUTS[plan.parallel]] if plan.parallel != "single" else []
    parts += [f"{plan.offload} offloaded"] if plan.offload != "none" else []
    return ", ".join(parts)


def rows(count: int) -> str:
    """Return a number of rows in words."""
    return f"{count} row" if count == 1 else f"{count} rows"


def gib(size: int) -> str:
    """Return a size in words, such as `12.3 GiB`."""
    return f"{size / (1 << 30):.1f} GiB"
