"""The sentences that `tunelock fit` prints for a plan: the search's reasons, and further notes."""

from collections.abc import Iterator

from lockfiles.objectives import NAMES
from planner.fit.alternatives import way_out
from planner.fit.request import FitRequest
from planner.machines.occupancy import taken
from planner.models import layers
from planner.parallelism.engines import cannot_run
from planner.search import alternatives, reasons
from planner.search.ranking import seconds
from planner.search.reasons import YOURS
from planner.search.rejected import lack
from planner.search.request import EFFECTIVE_BATCH
from planner.search.space import METHODS
from planner.search.wording import gib
from planner.setup.setup import Profile
from planner.speed import MEASURED_CARDS, basis
from planner.speed.mixers import work_known

SHOWN = ("parallel.engine", "train.micro_batch", "train.checkpointing", "train.attention")
"""The keys of a lock whose reasons are shown, unless a person set them."""
_MOST_SAID = 0.5
"""Share of quantized weights from which it is what people expect of QLoRA."""


def why(request: FitRequest, plan: Profile) -> Iterator[str]:
    """Yield the sentences for a plan."""
    if request.candidates.fits(plan):
        yield from _chosen(request, plan)
    else:
        yield f"It {lack(request.candidates, plan)}"
        if ways := way_out(request, plan):
            yield f"It would fit with {ways}."
    yield from _beside(request, plan)


def _chosen(request: FitRequest, plan: Profile) -> Iterator[str]:
    found = request.candidates
    told = reasons.why(found, plan)
    yield from (told[key] for key in SHOWN if told.get(key, YOURS) != YOURS)
    if found.card and found.card.name not in MEASURED_CARDS and seconds(found, plan):
        yield basis(found.card.name)
    yield from _shorter(request, plan)
    longest = 0 if request.wish.length else _longest_alone(request, plan)
    if longest > plan.length:
        yield f"With a micro-batch of 1, rows of up to {longest:,} tokens would fit."
    if plan.offload == "nvme":
        return
    if lines := list(_lines(request, plan)):
        yield f"To plan this, set {' and '.join(lines)} in `run.toml`."
    if beyond := cannot_run(plan.device, plan.parallel, plan.ranks, plan.offload):
        yield beyond


def _shorter(request: FitRequest, plan: Profile) -> Iterator[str]:
    """Yield what a plan may do that knows the rows, once: for the method that it would choose."""
    found, wish = request.candidates, request.wish
    free = not (wish.micro_batch or wish.accumulation) and plan.ranks == 1
    able = free and plan.device == "cuda" and found.packs and plan.spec.packs
    methods = (kind for kind in METHODS if kind in request.methods)
    if able and plan.method == next((kind for kind in methods if request.best(kind).fits), None):
        yield (
            f"Every row counts as {plan.length:,} tokens. A plan may concatenate shorter ones "
            "without padding, which takes less time."
        )


def _lines(request: FitRequest, plan: Profile) -> Iterator[str]:
    """Yield the lines of `run.toml` without which a plan would count on other numbers."""
    if not plan.spec.plannable or request.wish.optimizer:
        return  # no plan is made of these
    if plan.objective != NAMES[0]:
        yield f'`objective = "{plan.objective}"` under `[method]`'
    if plan.ranks > 1:
        yield f"`processes = {plan.ranks}` under `[machine]`"
    step = request.candidates.accumulation(plan.micro_batch) * plan.micro_batch * plan.ranks
    if step != EFFECTIVE_BATCH:
        yield f"`effective_batch = {step}` under `[train]`"
    if request.wish.accumulation:
        yield f"`micro_batch = {plan.micro_batch}` under `[method]`"


def _longest_alone(request: FitRequest, plan: Profile) -> int:
    found = request.candidates
    return alternatives.longest_row(found, found.other(plan, micro_batch=1))


def _beside(request: FitRequest, profile: Profile) -> Iterator[str]:
    """Yield notes on a plan, whether it fits or not."""
    plan = request.candidates.plan(profile)
    if (host := plan.estimate.host_bytes) and plan.offload_fits:
        yield f"Each process offloads {gib(host)} to main memory."
    if (loading := plan.estimate.loading_bytes) and plan.offload_fits:
        yield f"Each process needs {gib(loading)} of main memory to load the model."
    if stored := plan.estimate.stored_bytes:
        yield (
            f"Each process keeps {gib(stored)} on NVMe. No plan does that: a step reads and writes "
            "all states of the optimizer."
        )
    if paged := plan.estimate.paged_bytes:
        yield f"Up to {gib(paged)} of optimizer states move to main memory if the card is full."
    if profile.method == "qlora" and (share := _quantized(request)) < _MOST_SAID:
        kept = "fused experts" if request.model.architecture.experts else "embeddings"
        yield f"QLoRA quantizes {share:.0%} of the weights: {kept} stay in 16 bits."
    if left := reasons.frozen(request.model.aside):
        yield left
    context = request.model.architecture.context
    if profile.length > context:
        yield f"Rows are longer than the model's context of {context:,} tokens."
    gpu = request.machine.least_free
    if gpu and (busy := taken(gpu)):
        yield f"On `{gpu.name}`, {busy}; they are not counted as available."
    if gpu and request.candidates.fits(profile):
        yield from _no_speed(request, gpu.name)
    yield from reasons.measured(request.candidates).values()


def _quantized(request: FitRequest) -> float:
    """Return the share of a model's weights that QLoRA quantizes, from 0 to 1."""
    held = sum(
        block.count * part.size
        for block in layers.blocks(request.model.architecture)
        for part in block.linears
        if part.quantized
    )
    return held / request.model.parameters


def _no_speed(request: FitRequest, card_name: str) -> Iterator[str]:
    """Yield why a plan on a card has no step time, if it has none for its model or the card."""
    card, shape = request.candidates.card, request.model.architecture
    if not (card and card.bf16_flops):
        yield f"There is no step time: the speed of `{card_name}` is unknown."
    elif not work_known(shape):
        yield f"There is no step time: that of layers of `{shape.family}` is unknown."
