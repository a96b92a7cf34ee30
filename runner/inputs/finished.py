"""The inputs of a finished run: those that are still there must be the locked ones."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from lockfiles.lock import Lock, TrainingLock
from runner.inputs import locations, verify, view


def check(lock: Lock, places: Mapping[str, Path]) -> Iterator[str]:
    """Compare the inputs at `places`, by logical name, with the lock.

    Yields a sentence for each that is missing, or whose path `run.toml` does not give. Inputs on
    the Hub are not downloaded for this. Raises DigestDiffers for one that has changed.
    """
    there = {name: place for name, place in places.items() if place.exists()}
    local = locations.wanted(lock)
    missing = [name for name in local if name not in there]
    for name in missing:
        if name in places:
            why = f"the input `{name}` is missing (`{places[name]}`)"
        else:
            why = f"the path of the input `{name}` is not known"
        yield f"{why}, so it is not compared with the lock"
    if "model" not in there:
        return
    with view.locked(lock.model, there["model"]) as base:
        if not isinstance(lock, TrainingLock):
            return
        verify.template_of(lock, base.folder, there)
        rows = {locations.name_of(part) for part in lock.splits}
        if rows <= set(there):
            verify.corpus_of(lock, base.folder, there)
        elif present := sorted(rows & set(there)):
            names = ", ".join(f"`{name}`" for name in present)
            yield f"{names} can be compared with the lock only together with the other rows"
