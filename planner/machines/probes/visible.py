"""Determines which cards are visible to a process."""

from collections.abc import Sequence


def visible(names: Sequence[str], chosen: str | None) -> list[int]:
    """Return the indices of the visible cards in the driver's list.

    `names` are the cards' UUIDs; `chosen` is `CUDA_VISIBLE_DEVICES` or ROCm's equivalent, or None:
    indices or prefixes of UUIDs. Everything from the first invalid item on is ignored. Source: the
    CUDA programming guide; ROCm's "GPU isolation techniques".
    """
    if chosen is None:
        return list(range(len(names)))
    found: list[int] = []
    for word in (part.strip() for part in chosen.split(",")):
        if word.isdecimal():
            places = [int(word)] if int(word) < len(names) else []
        else:
            places = [at for at, name in enumerate(names) if word and name.startswith(word)]
        if not places or places[0] in found:
            break
        found.append(places[0])
    return found
