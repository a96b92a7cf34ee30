"""Why a plan of `tunelock fit` is as it is, in sentences."""

from collections.abc import Iterator, Mapping

from planner.fit.alternatives import MEASURED, longest_row, way_out
from planner.fit.request import Plan
from planner.fit.search import Search
from planner.machines.occupancy import taken
from planner.parallelism import layouts
from planner.search.ranking import slower
from planner.search.reasons import gib
from planner.setup.setup import Kind, Profile
from planner.speed import MEASURED_CARDS, basis

NAMES: Mapping[Kind, str] = {"full": "full fine-tuning", "lora": "LoRA", "qlora": "QLoRA"}
"""Each method in words."""


def describe(profile: Profile) -> str:
    """Return method, micro-batch, checkpointing, and how cards share the work."""
    parts = [NAMES[profile.method], f"micro-batch {profile.micro_batch}"]
    parts += ["checkpointing"] if profile.checkpointing else []
    parts += [layouts.NAMES[profile.parallel]] if profile.parallel != "single" else []
    offloaded = {"none": [], "optimizer": ["optimizer offloaded"], "all": ["all offloaded"]}
    return ", ".join(parts + offloaded[profile.offload])


def where(search: Search) -> str:
    """Return what the budget is a share of."""
    if not search.machine.gpus:
        return "main memory"
    name = search.machine.gpus[0].name
    return f"each of {search.ranks} `{name}`" if search.ranks > 1 else f"`{name}`"


def why(search: Search, plan: Plan) -> Iterator[str]:
    """Yield the sentences that belong to a plan."""
    if plan.fits:
        yield from _chosen(search, plan)
    else:
        yield f"It {lack(plan)}"
        if ways := way_out(search, plan):
            yield f"It would fit with {ways}."
    yield from _beside(search, plan)


def lack(plan: Plan, share_of: str = "", busy: str = "") -> str:
    """Return what a plan needs too much of, from the verb on.

    `share_of` names the memory, `busy` is `planner.machines.occupancy.taken` of it.
    """
    if plan.allocated_bytes > plan.budget_bytes or not plan.host_budget_bytes:
        of, who = f" of {share_of}" if share_of else "", f": {busy}" if busy else ""
        return (
            f"needs {gib(plan.allocated_bytes)}, and {gib(plan.budget_bytes)}{of} may be used{who}."
        )
    return (
        f"would offload {gib(plan.estimate.host_bytes)} in each process, and "
        f"{gib(plan.host_budget_bytes)} of main memory may be used."
    )


def _beside(search: Search, plan: Plan) -> Iterator[str]:
    """Yield what a person should know of a plan whether it fits or not."""
    if (host := plan.estimate.host_bytes) and plan.offload_fits:
        yield f"Each process keeps {gib(host)} in main memory."
    if paged := plan.estimate.paged_bytes:
        yield f"{gib(paged)} of optimizer states go to main memory where the card is full."
    context = search.model.architecture.context
    if plan.profile.length > context:
        yield f"Rows are longer than the {context:,} tokens of the model's context."
    gpu = search.machine.least_free
    if gpu and (busy := taken(gpu)):
        yield f"Of `{gpu.name}`, {busy}, and are not counted."
    if gpu and gpu.vendor != MEASURED:
        yield f"The estimate is of CUDA's allocator; on cards of {gpu.vendor} it was not measured."


def _chosen(search: Search, plan: Plan) -> Iterator[str]:
    wish, one = search.wish, plan.profile
    if search.ranks > 1 and not wish.parallel:
        yield _layout(search, plan)
    if not wish.micro_batch:
        yield _micro_batch(search, plan)
    if wish.checkpointing is None:
        yield _checkpointing(search, plan)
    if search.card and search.card.name not in MEASURED_CARDS and search.row_seconds(plan):
        yield basis(search.card.name)
    if not wish.length and (longest := longest_row(search, plan, 1)) > one.length:
        yield f"One at a time, rows of up to {longest:,} tokens would fit."


def _layout(search: Search, plan: Plan) -> str:
    profile = plan.profile
    allowed = search.layouts_of(profile.method)
    before = allowed.index((profile.parallel, profile.offload)) - 1
    if profile.parallel == "ddp":
        return "Each card holds the whole model, so that the cards exchange gradients alone."
    if before < 0:
        return f"{layouts.NAMES[profile.parallel]} is the least that offloads this."
    parallel, offload = allowed[before]
    less = search.other(
        profile, micro_batch=search.micro_batches[-1], checkpointing=search.checkpointings[-1],
        parallel=parallel, offload=offload,
    )  # fmt: skip
    tail = "" if offload == "none" else f" with {offload} offloaded"
    return f"{layouts.NAMES[parallel]}{tail} would need {gib(less.allocated_bytes)} on each card."


def _micro_batch(search: Search, plan: Plan) -> str:
    micro = plan.profile.micro_batch
    larger = [size for size in search.micro_batches if size > micro]
    if not larger and not search.machine.gpus:
        return f"With more than {_rows(micro)} at once a CPU gains nothing."
    if not larger:
        return f"All that a card gets of a step, {_rows(micro)}, fits at once."
    next_larger = search.other(plan.profile, micro_batch=larger[-1])
    other = _slower(search, next_larger, plan) if next_larger.fits else _of_budget(plan)
    return (
        f"With {_rows(micro)} at once it needs {gib(plan.allocated_bytes)}; {larger[-1]} would "
        f"need {gib(next_larger.allocated_bytes)}{other}"
    )


def _of_budget(plan: Plan) -> str:
    return f" of {gib(plan.budget_bytes)}."


def _slower(search: Search, other: Plan, chosen: Plan) -> str:
    """Return the end of a sentence on a plan that fits: how much longer it would take."""
    return slower(search.row_seconds(other), search.row_seconds(chosen))


def _checkpointing(search: Search, plan: Plan) -> str:
    if not plan.profile.checkpointing:
        return "It fits without checkpointing, which costs about 20% of the speed."
    least = search.other(plan.profile, micro_batch=search.micro_batches[-1], checkpointing=False)
    if least.fits:
        return (
            f"Checkpointing leaves room for {_rows(plan.profile.micro_batch)} at once; without it "
            f"{_rows(least.profile.micro_batch)} would need {gib(least.allocated_bytes)}"
            + _slower(search, least, plan)
        )
    return (
        f"Without checkpointing even {_rows(least.profile.micro_batch)} at once would need "
        f"{gib(least.allocated_bytes)}."
    )


def _rows(count: int) -> str:
    return f"{count} row" if count == 1 else f"{count} rows"
