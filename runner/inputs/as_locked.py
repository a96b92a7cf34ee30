"""Inputs that can no longer be read: first of all, they are not the ones that were locked."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from lockfiles.errors import DataRefused, DigestDiffers, UsageProblem
from lockfiles.fixes import PLAN_AGAIN, Advice
from planner.data.tokens.template import TemplateRunsAway


@contextmanager
def as_locked(
    places: Mapping[str, Path], lock: str = "run.lock", *, others: bool = False
) -> Iterator[None]:
    """Turn the refusal of an input into DigestDiffers.

    A lock is made only of inputs that were read, so one that is refused has changed. Inputs that
    are missing or not readable, by logical name in `places`, keep their own error, and so does a
    template that takes too long. With `others` more than these inputs is read, and an error that
    names none of them is kept.
    """
    try:
        yield
    except TemplateRunsAway:
        raise
    except (UsageProblem, DataRefused) as problem:
        if not all(_is_readable(place) for place in places.values()):
            raise
        named = [place for place in places.values() if place.name in problem.message]
        if others and not named and isinstance(problem, UsageProblem):
            raise
        every = " and ".join(f"`{name}`" for name in places)
        what = f"`{named[0]}`" if named else every
        raise DigestDiffers(
            f"`{lock}` does not match {what}, which can no longer be used.",
            details=[problem.sentence],
            fix=(Advice("restore the locked files"), PLAN_AGAIN),
        ) from None


def _is_readable(place: Path) -> bool:
    try:
        os.listdir(place) if place.is_dir() else place.open("rb").close()
    except OSError:
        return False
    return True
