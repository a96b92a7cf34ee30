"""Which of the cards a process is shown."""

from collections.abc import Sequence


def visible(names: Sequence[str], chosen: str | None) -> list[int]:
    """Return the cards that a process is shown, by their place in the driver's list.

    `names` are the cards' UUIDs; `chosen` is `CUDA_VISIBLE_DEVICES` or ROCm's counterpart, None
    where it is not set: numbers or beginnings of UUIDs, of which those before the first that is
    no card count. Source: the CUDA programming guide; ROCm's "GPU isolation techniques".
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
