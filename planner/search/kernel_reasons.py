"""The reasons for compiled layers and recorded passes, or for doing without them."""

from dataclasses import replace

from planner.search.candidates import Candidates
from planner.search.kernels import may_compile, may_record
from planner.search.ranking import TIE, fastest_of, seconds
from planner.setup.setup import Profile
from planner.speed.warm_up import compile_seconds


def why(candidates: Candidates, chosen: Profile) -> dict[str, str]:
    """Return a sentence for each choice that a plan has."""
    shape, found = candidates.model.architecture, {}
    if may_compile(shape, chosen):
        found["train.kernels"] = _compiled(candidates, chosen)
    if may_record(shape, chosen):
        found["train.graph_sizes"] = _recorded(candidates, chosen)
    return found


def _compiled(candidates: Candidates, chosen: Profile) -> str:
    on = chosen.kernels == "compiled"
    gain = _gain(candidates, chosen, compiled=not on)
    took = compile_seconds(candidates.model, candidates.card) if candidates.card else 0.0
    if gain is None:
        return "Layers are not compiled: how fast this card computes compiled ones is not known."
    if on:
        return f"torch compiles the layers, in about {took:.0f} s before the first step" + (
            f"; otherwise, a run would take {gain:.0%} longer." if gain > TIE
            else ", and they need less memory."
        )  # fmt: skip
    return f"Compiling the layers takes about {took:.0f} s, more than this run would gain by it."


def _recorded(candidates: Candidates, chosen: Profile) -> str:
    gain = _gain(candidates, chosen, recorded=not chosen.graph_sizes)
    if gain is None:
        return "Passes are not recorded: how fast this card and its host are is not known."
    if chosen.graph_sizes:
        return (
            "Passes are filled up to one of these sizes and replayed from CUDA graphs: the card "
            f"does not wait for the host. Without, a run would take {gain:.0%} longer."
        )
    return "CUDA graphs would not make this run faster: its passes keep the card busy without."


def _gain(candidates: Candidates, chosen: Profile, **other: bool) -> float | None:
    """Return how much longer the best plan with the other setting takes, as a share; None where
    speeds are unknown or no such plan fits."""
    asked = replace(candidates.request, **other)  # type: ignore[arg-type]
    instead = replace(candidates, request=asked)
    found = fastest_of(instead, chosen.method)
    took, own = found and seconds(instead, found), seconds(candidates, chosen)
    return took / own - 1 if took and own else None
