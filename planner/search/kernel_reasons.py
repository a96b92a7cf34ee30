"""The reasons for compiled layers and recorded passes, or for doing without them."""

from planner.search import timed_reasons
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
    if may_record(candidates.model, chosen):
        found["train.graph_sizes"] = _recorded(candidates, chosen)
    return found


def _compiled(candidates: Candidates, chosen: Profile) -> str:
    on = chosen.kernels == "compiled"
    if candidates.request.compiled is not None:
        return f"You set it: layers are {'' if on else 'not '}compiled."
    other = _other(candidates, chosen, compiled=not on)
    gain = _gain(candidates, chosen, other)
    card = candidates.card
    took = f" about {compile_seconds(candidates.model, chosen, card):.0f} s" if card else ""
    if on and chosen.base_products == "fp8":
        return f"torch compiles the layers{took and ', in'}{took}: FP8 products need that."
    if on:
        said = f"torch compiles the layers{took and ', in'}{took} before the first step"
        if gain is None or gain <= TIE:
            return f"{said}, and they need less memory."
        return f"{said}; otherwise, a run would take {gain:.0%} longer."
    if other is None:
        return "Layers are not compiled: no plan with compiled ones fits."
    if problem := timed_reasons.trouble(candidates, other):
        return f"Layers are not compiled: when that was timed, {problem}."
    if gain is None:
        return "Layers are not compiled: how fast this card computes compiled ones is not known."
    return f"Compiling the layers takes{took}, more than this run would gain by it."


def _recorded(candidates: Candidates, chosen: Profile) -> str:
    if candidates.request.recorded is not None:
        return f"You set it: passes are {'' if chosen.graph_sizes else 'not '}recorded."
    other = _other(candidates, chosen, recorded=not chosen.graph_sizes)
    gain = _gain(candidates, chosen, other)
    if chosen.graph_sizes:
        said = (
            "Passes are filled up to one of a few sizes and replayed from CUDA graphs: the card "
            "does not wait for the host."
        )
        longer = gain is not None and gain > TIE
        return f"{said} Without, a run would take {gain:.0%} longer." if longer else said
    if other is None:
        return "CUDA graphs are not used: no plan with them fits in memory."
    if problem := timed_reasons.trouble(candidates, other):
        return f"CUDA graphs are not used: when that was timed, {problem}."
    if gain is None:
        return "CUDA graphs are not used: how fast this card and its host are is not known."
    return "CUDA graphs would not make this run faster: its passes keep the card busy without."


def _other(candidates: Candidates, chosen: Profile, **other: bool) -> Profile | None:
    """Return the best plan of the same method with the other setting; None where none fits."""
    return fastest_of(candidates.switched(**other), chosen.method)


def _gain(candidates: Candidates, chosen: Profile, other: Profile | None) -> float | None:
    """Return how much longer another plan takes, as a share; None where speeds are unknown."""
    took, own = other and seconds(candidates, other), seconds(candidates, chosen)
    return took / own - 1 if took and own else None
