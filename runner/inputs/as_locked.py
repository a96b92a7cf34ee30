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
    places: Mapping[str, Path], lock: Path | None = None, *, others: bool = False
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
        named = [place for place in places.values() if _names(problem.message, place)]
        if others and not named and isinstance(problem, UsageProblem):
            raise
        only = next(iter(places.values())) if len(places) == 1 else None
        place = named[0] if named else only
        what = f"`{place}`" if place else "one of its inputs"
        locked = f"`{lock}`" if lock else "The lock"
        raise DigestDiffers(
            f"{locked} does not match {what}, which can no longer be used.",
            details=[problem.sentence],
            fix=(Advice("restore the locked files"), PLAN_AGAIN),
        ) from None


def _names(message: str, place: Path) -> bool:
    """Return whether a message names a file, or one inside a folder."""
    return f"{place.name}`" in message or f"`{place}/" in message


def _is_readable(place: Path) -> bool:
    """Return whether a file or a folder may be read, without opening it: it may be a link."""
    return os.access(place, os.R_OK | (os.X_OK if place.is_dir() else 0))
