"""The layers that LoRA adapts, by their module names in transformers, and the biases it trains.

PEFT wraps every module whose dotted name equals a target or ends with `.` and a target. The head
and the routers, gates and fused experts of a mixture are never targets.
"""

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Literal

from lockfiles.errors import UsageProblem
from lockfiles.fixes import Answer, Key
from lockfiles.nearest import nearest
from planner.memory.trainable import trained_biases
from planner.models import layers
from planner.models.architecture import Architecture
from planner.models.families import FAMILIES
from planner.setup.setup import Bias, Profile

if TYPE_CHECKING:
    from planner.interview.answers import Answers

Preset = Literal["all-linear", "attention+mlp", "attention"]

PLACES: Mapping[Preset, tuple[layers.Place, ...]] = {
    "all-linear": ("attention", "output", "mlp", "down", "side"),
    "attention+mlp": ("attention", "output", "mlp", "down"),
    "attention": ("attention", "output"),
}
"""The places of each preset's layers."""
_WORDS = {
    "attention": "attention only",
    "attention+mlp": "attention and MLP",
    "by-hand": "listed modules",
}


@cache
def preset(shape: Architecture, name: Preset) -> tuple[str, ...]:
    """Return the names of a preset's layers, in forward order."""
    places, taken = PLACES[name], left_out(shape)
    parts = layers.linears(shape)
    return tuple(p.name for p in parts if p.place in places and p.name not in taken)


@cache
def left_out(shape: Architecture) -> tuple[str, ...]:
    """Return the linear layers that PEFT cannot adapt, in forward order."""
    kind = FAMILIES[shape.family]
    taken = (*kind.taken_for_experts, *kind.unadapted, *kind.lost_on_loading)
    return tuple(part.name for part in layers.linears(shape) if part.name in taken)


@cache
def by_hand(shape: Architecture, wanted: tuple[str, ...]) -> tuple[str, ...]:
    """Return the layers that a person's names select, in forward order.

    As in PEFT, a name may be the last part of several layers' names. Raises UsageProblem for an
    empty list and for a name that the family's blocks do not have.
    """
    known = preset(shape, "all-linear")
    for name in wanted:
        if not any(_means(name, layer) for layer in known):
            raise _unknown(shape, name, wanted)
    if not wanted:
        raise UsageProblem(
            Key("method.targets"),
            " is `by-hand`, but ",
            Key("method.modules"),
            " names no layer.",
            fix=_line(known, known),
        )
    return tuple(layer for layer in known if any(_means(name, layer) for name in wanted))


def chosen(answers: "Answers", shape: Architecture) -> tuple[str, ...]:
    """Return the layers that the answers select. Raises UsageProblem as `by_hand` does."""
    given = answers.text("method.targets")
    for name in PLACES:
        if given == name:
            return preset(shape, name)
    return by_hand(shape, answers.chosen("method.modules"))


def bias(answers: "Answers") -> Bias:
    """Return which biases the answers train."""
    given = answers.text("method.bias")
    return "all" if given == "all" else "lora_only" if given == "lora_only" else "none"


def why(answers: "Answers", shape: Architecture, plan: Profile) -> dict[str, str]:
    """Return the reasons for a plan's layers and, where it trains any, for its biases."""
    return {"method.targets": f"{_which(answers, plan)}{_stays(shape)}", **_biases(shape, plan)}


def _which(answers: "Answers", plan: Profile) -> str:
    given, names = answers.text("method.targets"), ", ".join(plan.targets)
    if given == "all-linear":
        return f"Adapting all {len(plan.targets)} linear layers of each block learns best: {names}."
    return f"You set it ({_WORDS[given]}): {names}."


def _stays(shape: Architecture) -> str:
    past = _past_adapters(shape)
    if past:
        past = f" A fused kernel reads the weight of {past} past any adapter, so it is not adapted."
    if lost := [name for name in left_out(shape) if name in _taken(shape)]:
        return f"{past} PEFT takes {', '.join(lost)} for fused experts, so they are not adapted."
    if unread := FAMILIES[shape.family].lost_on_loading:
        return f"{past} PEFT cannot load adapters of {', '.join(unread)}, so they are not adapted."
    return past + (" Routers and fused experts are not adapted." if shape.experts else "")


def _taken(shape: Architecture) -> tuple[str, ...]:
    return FAMILIES[shape.family].taken_for_experts


def _past_adapters(shape: Architecture) -> str:
    kept = FAMILIES[shape.family].unadapted
    return ", ".join(name for name in left_out(shape) if name in kept)


def _biases(shape: Architecture, plan: Profile) -> dict[str, str]:
    if plan.bias == "none":
        return {}
    where = "the adapted layers" if plan.bias == "lora_only" else "all layers"
    count = trained_biases(shape, plan.targets, plan.bias)
    if not count:
        return {"method.bias": f"You set it, but {where} have no biases."}
    return {"method.bias": f"You set it: {count} bias parameters of {where} are trained too."}


def _means(name: str, layer: str) -> bool:
    return name == layer or layer.endswith(f".{name}")


def _unknown(shape: Architecture, name: str, wanted: tuple[str, ...]) -> UsageProblem:
    known = preset(shape, "all-linear")
    if name in left_out(shape):
        why = f"which PEFT takes for fused experts of `{shape.family}`"
        if name not in _taken(shape):
            why = "whose weight a fused kernel reads past any adapter"
        return UsageProblem(
            Key("method.modules"), f" names `{name}`, {why}.", fix=_line(known, known)
        )
    near = nearest(name, known)
    like = f"; the nearest is `{near}`" if near else ""
    mended = tuple(near if one == name else one for one in wanted) if near else known
    return UsageProblem(
        Key("method.modules"),
        f" names `{name}`, which is not a linear layer of `{shape.family}`{like}.",
        fix=_line(mended, known),
    )


def _line(names: tuple[str, ...], known: tuple[str, ...]) -> Answer:
    every = f"known layers: {', '.join(f'`{name}`' for name in known)}" if names != known else ""
    return Answer("method.modules", names, note=every)
