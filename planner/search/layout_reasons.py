"""Why a plan shares the work of several cards as it does."""

from collections.abc import Iterator
from dataclasses import replace

from planner.parallelism.layouts import NAMES
from planner.search.buckets import buckets
from planner.search.candidates import Candidates
from planner.search.ranking import fastest_in, seconds, slower
from planner.search.wording import gib, of_budget
from planner.setup.setup import Profile
from planner.speed.exchange import overlaps, traffic_seconds

SHOWN_SECONDS = 0.001
"""Time of an exchange from which it is worth a word."""
_TAIL = {
    "none": "", "optimizer": " with the optimizer offloaded", "all": " with full offload",
    "nvme": " with full offload to NVMe",
}  # fmt: skip


def layout(candidates: Candidates, chosen: Profile) -> dict[str, str]:
    """Return a reason for how processes share the work; none for a single process."""
    if chosen.parallel == "single":
        return {}
    if chosen.device == "cpu":
        return {"parallel.engine": "Each process holds the full model and exchanges gradients."}
    said = [*_needed(candidates, chosen), *_numbers(candidates, chosen), *_measured(candidates)]
    return {"parallel.engine": " ".join(said), **_bucket(candidates, chosen)}


def _bucket(candidates: Candidates, chosen: Profile) -> dict[str, str]:
    """Return why ZeRO's bucket is smaller than usual; nothing where it is not."""
    if chosen.engine.shards != "deepspeed":
        return {}
    usual = replace(chosen, bucket=buckets(candidates.model, chosen)[0])
    if chosen.bucket >= usual.bucket:
        return {}
    need = candidates.wanted(usual)
    what = f"Gradients are exchanged {chosen.bucket:,} at a time: the usual {usual.bucket:,}"
    if candidates.fits(usual):
        return {"parallel.bucket": f"{what} would need {gib(need)}, too much for all passes."}
    return {"parallel.bucket": f"{what} would need {gib(need)}{of_budget(candidates)}"}


def _needed(candidates: Candidates, chosen: Profile) -> Iterator[str]:
    """Yield why the layouts before it do not do: the last one that does not fit, and the fastest
    one that does."""
    allowed = candidates.layouts_of(chosen.method)
    before = allowed[: allowed.index((chosen.parallel, chosen.offload))]
    if chosen.copied:
        yield "Each card holds the full model and exchanges gradients."
    elif not before:
        yield f"Offloading this needs at least {NAMES[chosen.parallel]}."
    least = [candidates.least(chosen.method, one) for one in before]
    if short := [plan for plan in least if not candidates.fits(plan)]:
        need = gib(candidates.wanted(short[-1]))
        yield f"{_named(short[-1])} would need {need} per card{of_budget(candidates)}"
    alike = (one for one in reversed(before) if one[1] == chosen.offload)
    plans = (fastest_in(candidates, chosen.method, one) for one in alike)
    fitting = [plan for plan in plans if plan]
    if other := min(fitting, key=lambda plan: seconds(candidates, plan) or 0.0, default=None):
        yield f"{_named(other)} would fit{slower(candidates, other, chosen)}"


def _named(plan: Profile) -> str:
    return f"{NAMES[plan.parallel]}{_TAIL[plan.offload]}"


def _numbers(candidates: Candidates, chosen: Profile) -> Iterator[str]:
    """Yield what the layout saves, and what its exchange takes."""
    whole = candidates.other(chosen, parallel="ddp", offload="none")
    saved = candidates.wanted(whole) - candidates.wanted(chosen)
    said = []
    if saved > 0 and chosen.ranks > 1:
        said.append(f"{_named(chosen)} needs {gib(saved)} less on each than DDP")
    took = _exchanged(candidates, chosen)
    if took >= SHOWN_SECONDS:
        meanwhile = " while they compute" if overlaps(candidates.model, chosen) else ""
        said.append(f"the exchange takes {_time(took)} a step{meanwhile}")
    if said:
        nodes = candidates.request.nodes
        machines = f" of {nodes} machines" if nodes > 1 else ""
        yield f"On {chosen.ranks:,} cards{machines}, {', and '.join(said)}."


def _measured(candidates: Candidates) -> Iterator[str]:
    """Yield the rate of the exchange that these numbers follow from, if a rehearsal measured it."""
    if candidates.rehearsal is None:
        return
    from planner.speed import exchanged  # pydantic, which `fit` does not need

    if rate := exchanged.rate(candidates.rehearsal.measured.exchanged):
        yield f"A rehearsal measured that each card sends {rate / 1e9:,.3g} GB/s to the next one."


def _exchanged(candidates: Candidates, chosen: Profile) -> float:
    """Return the seconds of the exchange of a step; 0 where the cards' speed is unknown."""
    card, times = candidates.card, candidates.accumulation(chosen.micro_batch)
    if not card or not seconds(candidates, chosen):
        return 0.0
    return traffic_seconds(candidates.model, chosen, card, times)


def _time(seconds: float) -> str:
    """Return a time for a sentence."""
    return f"{seconds:,.1f} s" if seconds >= 1 else f"{1000 * seconds:.0f} ms"
