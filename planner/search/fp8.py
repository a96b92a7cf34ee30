"""Products of the frozen base in FP8: where they are possible, and what they gain.

They are never chosen unasked: losses and accuracy were compared on small models only.
"""

from collections.abc import Iterator

from lockfiles.errors import DoesNotFit
from lockfiles.fixes import Answer, Key
from lockfiles.objectives import NAMES
from planner.machines.facts import FP8_CAPABILITY, MachineFacts
from planner.memory.compiled_layers import COMPILED
from planner.search.candidates import Candidates
from planner.search.contradiction import Contradiction
from planner.search.kernels import may_compile
from planner.search.ranking import TIE, fastest_of, seconds
from planner.setup.setup import Profile
from planner.speed.fp8 import MEASURED_CARDS

KEY = "method.base_products"
OFF = Answer(KEY, "bf16")
WORTH = 0.1
"""The gain from which a plan says that FP8 products exist."""
_MEASURED = "measured on one H200 only"


def check_cards(asked: str, machine: MachineFacts) -> None:
    """Raise DoesNotFit where FP8 products are asked for on a machine that cannot compute them."""
    if asked != "fp8":
        return
    if not machine.gpus:
        raise DoesNotFit(Key(KEY), " is `fp8`, but the plan is for a CPU.", fix=OFF)
    for card in machine.gpus:
        if not card.computes_fp8:
            least = ".".join(map(str, FP8_CAPABILITY))
            raise DoesNotFit(
                Key(KEY),
                f" is `fp8`, which needs an NVIDIA card of compute capability {least} or more, but "
                f"`{card.name}` is none.",
                fix=OFF,
            )


def contradictions(found: Candidates) -> Iterator[Contradiction]:
    """Yield what contradicts FP8 products, where they are asked for."""
    asked = found.request
    if asked.base_products != "fp8":
        return
    for contradicts, sentence in (
        (
            asked.method not in (None, "lora"),
            f" is `fp8`, which is for LoRA, but the method is `{asked.method}`.",
        ),
        (
            asked.objective != NAMES[0],
            f" is `fp8`, which was measured for `{NAMES[0]}` only, not for `{asked.objective}`.",
        ),
        (asked.exact, " is `fp8`, with which bit-exact training is not verified."),
        (asked.processes > 1, " is `fp8`, which works in a single process only."),
        (asked.compiled is False, " is `fp8`, which needs compiled layers."),
        (not _compiles(found), _needs(found)),
    ):
        yield contradicts, (Key(KEY), sentence), OFF


def _compiles(found: Candidates) -> bool:
    plan = found.profile("lora", found.share, found.checkpointings[0], found.packings[0])
    return bool(found.layouts) and may_compile(found.model.architecture, plan)


def _needs(found: Candidates) -> str:
    family = found.model.architecture.family
    if family not in COMPILED:
        return f" is `fp8`, which needs compiled layers, and those of `{family}` are not known."
    return (
        " is `fp8`, which needs padding-free passes with flash attention, and this plan has none."
    )


def why(candidates: Candidates, chosen: Profile) -> dict[str, str]:
    """Return what FP8 products gain in a plan that has them, or would gain in one on a card that
    they were measured on; nothing where that is little."""
    gain = _gain(candidates, chosen)
    if chosen.base_products == "fp8":
        return {"train.base_products": f"You set FP8 products, {_MEASURED}{_gained(gain)}"}
    if gain is None or gain < WORTH:
        return {}
    said = (
        f"FP8 products (`{KEY}` = `fp8`) could make this run {gain:.0%} faster. They round the "
        f"frozen weights, and were {_MEASURED}."
    )
    return {"train.base_products": said}


def _gained(gain: float | None) -> str:
    if gain is None:
        return "."
    if gain <= TIE:
        return ". They would not make this run faster."
    return f"; without them, a run would take {gain:.0%} longer."


def _gain(candidates: Candidates, chosen: Profile) -> float | None:
    """Return how much longer a run takes without FP8 products, as a share; None where that is not
    known, or where a plan without them could not have them on such a card."""
    rounds, card = chosen.base_products == "fp8", candidates.card
    if not rounds and not (card and card.name in MEASURED_CARDS and _may_ask(candidates, chosen)):
        return None
    changed = candidates.switched(base_products="bf16" if rounds else "fp8")
    other = fastest_of(changed, chosen.method)
    own, took = seconds(candidates, chosen), other and seconds(candidates, other)
    if not own or not took:
        return None
    return (took / own if rounds else own / took) - 1


def _may_ask(candidates: Candidates, chosen: Profile) -> bool:
    """Return whether a plan could have FP8 products."""
    asked = candidates.request
    free = asked.compiled is not False and not asked.exact and chosen.ranks == 1
    able = all(card.computes_fp8 for card in candidates.used.gpus)
    trains = chosen.method == "lora" and chosen.objective == NAMES[0]
    return free and able and trains and may_compile(candidates.model.architecture, chosen)
