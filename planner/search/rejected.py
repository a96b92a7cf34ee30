"""The plans that were not chosen, and what to do where none fits."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

from lockfiles import fixes
from lockfiles.errors import DoesNotFit
from lockfiles.fixes import Answer, Answers, Fix
from planner.machines.facts import MachineFacts
from planner.machines.occupancy import taken
from planner.parallelism.engines import cannot_run
from planner.search import alternatives
from planner.search.candidates import Candidates
from planner.search.ranking import slower
from planner.search.reasons import next_larger, without_checkpointing
from planner.search.space import METHODS
from planner.search.wording import describe, gib
from planner.setup.setup import Kind, Profile


@dataclass(frozen=True)
class Alternative:
    """A plan that was considered and not chosen."""

    what: str
    """Its method, micro-batch and checkpointing."""
    needed_bytes: int
    """Its peak, in bytes."""
    reason: str
    """Why it was not chosen, in one sentence."""


def rejected(candidates: Candidates, chosen: Profile) -> Iterator[Alternative]:
    """Yield the alternatives to the chosen plan: a larger micro-batch, no checkpointing, and the
    other methods."""
    if larger := next_larger(candidates, chosen):
        yield _alternative(candidates, larger, chosen)
    if chosen.checkpointing and len(candidates.checkpointings) > 1:
        yield _alternative(candidates, without_checkpointing(candidates, chosen), chosen)
    for kind in METHODS:
        if kind != chosen.method and kind in candidates.possible:
            yield _alternative(candidates, _least(candidates, kind), chosen)


def _least(candidates: Candidates, kind: Kind) -> Profile:
    """Return the plan of a method that needs the least memory: the smallest micro-batch, with
    checkpointing even where it was switched off."""
    fewest = candidates.micro_batches[-1]
    every = (candidates.profile(kind, fewest, True, layout=at) for at in candidates.unmoved(kind))
    return min(every, key=candidates.wanted)


def _alternative(candidates: Candidates, plan: Profile, chosen: Profile) -> Alternative:
    need = candidates.wanted(plan)
    if need > candidates.budget_bytes:
        reason = f"It needs {gib(need)}, but only {gib(candidates.budget_bytes)} is available."
    elif plan.method == chosen.method:
        reason = f"It would fit in {gib(need)}{slower(candidates, plan, chosen)}"
    elif candidates.request.method:
        reason = f"It would fit in {gib(need)}, but you set another method."
    elif plan.method == "qlora":
        reason = f"It would fit in {gib(need)}, but 4-bit weights cost quality, and LoRA fits."
    else:
        reason = (
            f"It would fit in {gib(need)}, but adapters suffice for most tasks and forget less."
        )
    return Alternative(describe(plan), need, reason)


def where(machine: MachineFacts, processes: int) -> str:
    """Return the memory that a plan uses, for a sentence."""
    card = machine.least_free
    if not card:
        return "main memory"
    return f"each of the {processes} `{card.name}`" if processes > 1 else f"`{card.name}`"


def lack(candidates: Candidates, profile: Profile, share_of: str = "", busy: str = "") -> str:
    """Return the part of a sentence, from its verb, that says which memory a plan lacks.

    `share_of` names the memory, and `busy` says who uses it (`planner.machines.occupancy.taken`).
    """
    need, plan = candidates.wanted(profile), candidates.plan(profile)
    if need > plan.budget_bytes or plan.offload_fits or not plan.host_budget_bytes:
        of, who = f" of {share_of}" if share_of else "", f": {busy}" if busy else ""
        return f"needs {gib(need)}, but only {gib(plan.budget_bytes)}{of} is available{who}."
    what = "offload" if plan.estimate.host_bytes >= plan.estimate.loading_bytes else "load"
    assumed = "assumed to be " if candidates.machine.ram_assumed else ""
    return (
        f"would {what} {gib(plan.host_bytes)} per process, but only "
        f"{gib(plan.host_budget_bytes)} of main memory is {assumed}available."
    )


def nothing_fits(candidates: Candidates, smallest: Profile) -> str:
    """Return a sentence that says which memory the smallest plan lacks."""
    card = candidates.used.least_free
    processes = candidates.request.processes
    of, busy = where(candidates.used, processes), taken(card) if card else ""
    return (
        f"No plan fits: the smallest ({describe(smallest)}) {lack(candidates, smallest, of, busy)}"
    )


def refusal(candidates: Candidates) -> DoesNotFit:
    """Return the error for a machine on which no plan fits, with a change that would help."""
    smallest = min(map(candidates.least, candidates.kinds), key=candidates.wanted)
    return DoesNotFit(nothing_fits(candidates, smallest), fix=_way_out(candidates, smallest))


def _way_out(candidates: Candidates, smallest: Profile) -> Fix:
    changes = chain(
        alternatives.settings(candidates, smallest),
        alternatives.engines(candidates, smallest),
        (change for change in alternatives.processes(candidates) if _runs(change.plan)),
        alternatives.methods(candidates),
        alternatives.lengths(candidates, smallest),
        (change for change in alternatives.offloads(candidates, smallest) if _runs(change.plan)),
    )
    if found := next((change for change in changes if change.fits), None):
        parts = tuple(Answer(key, value) for key, value in found.answers)
        return parts[0] if len(parts) == 1 else Answers(parts)
    return fixes.Change("machine.facts", "a file with the facts of a larger machine")


def _runs(plan: Profile) -> bool:
    return not cannot_run(plan.device, plan.parallel, plan.ranks, plan.offload, plan.method)
