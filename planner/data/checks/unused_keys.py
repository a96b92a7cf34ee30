"""The findings on keys and columns that are not used."""

from collections.abc import Iterator, Sequence

from planner.data.checks.finding import Finding
from planner.data.reading.account import Key

_NAMED = 12


def findings(keys: Sequence[Key]) -> Iterator[Finding]:
    """Yield a warning on unused keys with long texts, and a note on all others."""
    left = [key for key in keys if not key.became]
    texts = [key for key in left if key.texts]
    others = [key for key in left if not key.texts]
    if texts:
        yield Finding(
            id="unused-keys",
            severity="warning",
            rows=(),
            said=sentence(texts),
            fix="add that text to the prompt or the answer, or remove it from the file",
            count=max(key.count for key in texts),
        )
    if others:
        yield Finding(
            id="unused-keys",
            severity="note",
            rows=(),
            said=f"Not used: {_listed(others)}.",
            fix="",
            count=max(key.count for key in others),
        )


def sentence(keys: Sequence[Key]) -> str:
    """Return a sentence on the unused keys with long texts; empty if there are none."""
    texts = [key for key in keys if not key.became and key.texts]
    if not texts:
        return ""
    verb, they = ("is", "it has") if len(texts) == 1 else ("are", "they have")
    return f"{_listed(texts)} {verb} not used, but {they} text that may belong to a turn."


def _listed(keys: Sequence[Key]) -> str:
    """Return the keys with their counts, for a sentence."""
    named = [f"`{key.path}` ({key.count:,})" for key in keys[:_NAMED]]
    more = [f"{len(keys) - _NAMED} more"] if keys[_NAMED:] else []
    return ", ".join(named + more)
