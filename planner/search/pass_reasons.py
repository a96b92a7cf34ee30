"""The reasons for padding-free passes: how many a step has, what keeps their rows apart, and why
rows are packed at all."""

from dataclasses import replace

from planner.search.candidates import Candidates
from planner.search.ranking import TIE, fastest_of, seconds, slower_by
from planner.search.wording import gib, of_budget
from planner.setup.setup import Profile


def count(candidates: Candidates, chosen: Profile) -> str:
    """Return in how many passes a step is computed, and why."""
    steps, most = candidates.steps, chosen.pass_tokens
    several = chosen.ranks > 1
    one = "Each card's share of a step" if several else "A step"
    if most >= steps.largest:
        every = one if several else "Every step"
        longest = "longest rows may have" if several else "longest rows together have"
        which = "largest has" if steps.known else longest
        return f"{every} is one pass: the {which} {steps.largest:,} tokens."
    if not steps.known:
        return f"{one} with the longest rows, {steps.largest:,} tokens, would take several passes."
    said = f"{one} takes up to {steps.most_passes(most)} passes"
    if most == steps.longest:
        said += f" of at most {most:,} tokens, those of the longest row"
    whole = replace(chosen, pass_tokens=steps.largest, accumulates=False)
    if candidates.fits(whole):
        return f"{said}: longer ones would not be faster."
    need = gib(candidates.wanted(whole))
    return (
        f"{said}: the largest, of {steps.largest:,} tokens, would need {need} in one"
        f"{of_budget(candidates)}"
    )


def bounds(candidates: Candidates, chosen: Profile) -> dict[str, str]:
    """Return how attention keeps the rows of a pass apart."""
    if not chosen.pass_tokens:
        return {}
    if chosen.attention == "varlen":
        said = "Flash attention reads the bounds of the rows: no row sees another, without a mask."
    elif getattr(candidates.model, "drops_scores", False):
        said = (
            "A mask keeps the rows of a pass apart: torch's flash attention for concatenated rows "
            "has no dropout, and this model's attention has."
        )
    else:
        family = candidates.model.architecture.family
        said = (
            f"A mask keeps the rows of a pass apart: torch's flash attention for concatenated "
            f"rows does not support `{family}` on this card."
        )
    return {"train.attention": said}


def packing(candidates: Candidates, chosen: Profile) -> dict[str, str]:
    """Return a sentence on packing, where there is a choice or it was set."""
    if len(candidates.packings) < 2:
        said = "Layers are compiled, and passes recorded, only where rows are concatenated."
        return {"stream.packing": said} if chosen.packing else {}
    other = fastest_of(candidates, chosen.method, packing=not chosen.packing)
    took, least = seconds(candidates, chosen), other and seconds(candidates, other)
    if not took or not other or not least:
        return {}
    if not chosen.packing:
        if candidates.share == 1:
            return {"stream.packing": "Each card has one row of a step, so there is none to pack."}
        return {"stream.packing": f"Packing would fit{slower_by(least, took)}"}
    more = least / took - 1
    instead = f"take {more:.0%} longer" if more > TIE else "not be faster"
    if other.padded:
        padding = f"Padding rows of {min(candidates.request.lengths):,} to {chosen.length:,} tokens"
        return {"stream.packing": f"{padding} instead would {instead}."}
    compiled = more > TIE and chosen.kernels == "compiled"
    since = ": their layers are not compiled" if compiled else ""
    said = f"Micro-batches of 1 need no padding either, but would {instead}{since}."
    return {"stream.packing": said}
