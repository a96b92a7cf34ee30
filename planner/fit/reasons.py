"""The sentences that `tunelock fit` prints for a plan: the search's reasons, and further notes."""

from collections.abc import Iterator
from dataclasses import replace

from lockfiles.objectives import NAMES
from planner.fit.alternatives import way_out
from planner.fit.request import FitRequest
from planner.machines.occupancy import taken
from planner.models import layers
from planner.parallelism.engines import cannot_run
from planner.search import alternatives, ranking, reasons
from planner.search.reasons import YOURS
from planner.search.rejected import lack
from planner.search.request import EFFECTIVE_BATCH
from planner.search.wording import gib
from planner.setup.setup import Profile
from planner.speed import MEASURED_CARDS, basis
from planner.speed.host import said
from planner.speed.mixers import work_known

_SHOWN = (
    "parallel.engine", "parallel.bucket", "train.micro_batch", "train.checkpointing",
    "train.attention",
)  # fmt: skip
_OF_PASSES = (
    "parallel.engine", "parallel.bucket", "train.micro_batch", "train.accumulation",
    "train.checkpointing", "stream.packing", "train.kernels", "train.graph_sizes",
)  # fmt: skip
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


def shown(plan: Profile) -> tuple[str, ...]:
    """Return the keys of a lock whose reasons are shown, unless a person set them."""
    if not plan.pass_tokens:
        return _SHOWN
    return _OF_PASSES + (() if plan.attention == "varlen" else ("train.attention",))


def _chosen(request: FitRequest, plan: Profile) -> Iterator[str]:
    found = request.candidates
    told = reasons.why(found, plan)
    yield from (told[key] for key in shown(plan) if told.get(key, YOURS) != YOURS)
    yield from _time(request, plan)
    yield from _longest_alone(request, plan)
    if plan.offload == "nvme":
        return
    if beyond := cannot_run(plan.device, plan.parallel, plan.ranks, plan.offload, plan.method):
        yield f"`plan` refuses this. {beyond}"
    elif lines := list(_lines(request, plan)):
        yield f"To plan this, set {' and '.join(lines)} in `run.toml`."


def _time(request: FitRequest, plan: Profile) -> Iterator[str]:
    """Yield what the time of a step is known from, and what it depends on."""
    found = request.candidates
    took = ranking.timing(found, plan)
    if not (took and found.card):
        return
    if found.card.name not in MEASURED_CARDS:
        yield basis(found.card.name)
    if slow := said(took[0], ranking.on_slow_host(found, plan) or 0.0):
        yield slow


def _lines(request: FitRequest, plan: Profile) -> Iterator[str]:
    """Yield the lines of `run.toml` without which a plan would count on other numbers."""
    if not plan.spec.plannable or request.wish.optimizer:
        return  # no plan is made of these
    if plan.objective != NAMES[0]:
        yield f'`objective = "{plan.objective}"` under `[method]`'
    if machine := list(_machine(request, plan)):
        *first, last = machine
        yield f"{', '.join(first)}{' and ' * bool(first)}{last} under `[machine]`"
    step = request.candidates.accumulation(plan.micro_batch) * plan.micro_batch * plan.ranks
    if step != EFFECTIVE_BATCH:
        yield f"`effective_batch = {step}` under `[train]`"
    if request.wish.accumulation:
        yield f"`micro_batch = {plan.micro_batch}` under `[method]`"


def _machine(request: FitRequest, plan: Profile) -> Iterator[str]:
    """Yield the lines of the table `[machine]`: engine and offloading where they were set."""
    wish = request.wish
    if plan.ranks > 1:
        yield f"`processes = {plan.ranks}`"
    if plan.ranks > 1 and request.nodes > 1:
        yield f"`nodes = {request.nodes}`"
    if wish.parallel and plan.parallel == wish.parallel:
        yield f'`parallel = "{plan.parallel}"`'
    if wish.offload:
        yield f'`offload = "{plan.offload}"`'


def _longest_alone(request: FitRequest, plan: Profile) -> Iterator[str]:
    """Yield the length of the longest row that would fit, if it was not set; with checkpointing
    where passes may have it."""
    found, one, way = request.candidates, plan, "One by one"
    if not plan.pass_tokens:
        one, way = found.other(plan, micro_batch=1), "With a micro-batch of 1"
    elif found.checkpointings[-1] and not plan.checkpointing:
        one = replace(plan, checkpointing=True, graph_sizes=0)
        way = "One by one and with checkpointing"
    longest = 0 if request.wish.length else alternatives.longest_row(found, one)
    if longest > plan.length:
        yield f"{way}, rows of up to {longest:,} tokens would fit."


def _beside(request: FitRequest, profile: Profile) -> Iterator[str]:
    """Yield notes on a plan, whether it fits or not."""
    plan = request.candidates.plan(profile)
    if (host := plan.estimate.host_bytes) and plan.offload_fits:
        yield f"Each process offloads {gib(host)} to main memory."
    loading = gib(plan.estimate.loading_bytes)
    if loading != gib(0) and plan.offload_fits:
        yield f"Each process needs {loading} of main memory to load the model."
    if stored := plan.estimate.stored_bytes:
        yield (
            f"Each process keeps {gib(stored)} on NVMe. `plan` refuses this: a step reads and "
            "writes all states of the optimizer."
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
    if gpu and profile.dtype == "float32":
        outside = " outside of 4 bits" if profile.method == "qlora" else ""
        yield f"`{gpu.name}` has no bfloat16: weights{outside} are float32, twice as large."
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
