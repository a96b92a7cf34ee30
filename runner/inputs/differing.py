"""Fields whose locked and found values differ, as one error."""

from lockfiles.compare import Difference, consequence
from lockfiles.errors import DigestDiffers
from lockfiles.fixes import PLAN_AGAIN, Advice
from lockfiles.harmless import one_line

SHOWN = 3
"""Maximum number of differences, files or tensors that a message lists."""


def differing(*fields: tuple[str, object, object]) -> list[Difference]:
    """Return those of (field, locked value, found value) that differ."""
    return [
        Difference(field, locked, found, consequence(field))
        for field, locked, found in fields
        if locked != found
    ]


def refuse(found: list[Difference], what: str) -> None:
    """Raise DigestDiffers with the first differences, if there are any."""
    if not found:
        return
    lines = [
        f"~ {one_line(one.field, most=100)}  {short(one.locked)} → {short(one.found)}  "
        f"{one.consequence}"
        for one in found[:SHOWN]
    ]
    more = [f"and {len(found) - SHOWN} more"] if found[SHOWN:] else []
    count = "1 field differs" if len(found) == 1 else f"{len(found)} fields differ"
    raise DigestDiffers(
        f"The lock does not match {what}: {count}",
        details=lines + more,
        fix=(Advice("restore the locked files"), PLAN_AGAIN),
    )


def short(value: object) -> str:
    """Return a value shortened to a few characters."""
    text = str(value)
    return f"{text[:12]}…" if len(text) == 64 and text.isalnum() else one_line(text, most=80)
