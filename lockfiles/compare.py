"""The differences between two locks, each with its consequence."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from lockfiles.lock import Lock

Consequence = Literal["changes weights", "changes speed", "changes exports", "informational"]

_CONSEQUENCES: Mapping[str, Consequence] = {
    "version": "informational",
    "revision": "informational",
    "requires_runner": "informational",
    "intent": "informational",
    "decision": "informational",
    "model": "changes weights",
    "model.license": "informational",
    "model.gated": "informational",
    "model.source": "informational",
    "template": "changes weights",
    "data": "changes weights",
    "fix": "changes weights",
    "stream": "changes weights",
    "objective": "changes weights",
    "method": "changes weights",
    "train": "changes weights",
    "train.checkpointing": "changes speed",
    "parallel": "changes weights",
    "parallel.nodes": "changes speed",
    "parallel.bucket": "changes speed",
    "parallel.prefetch": "changes speed",
    "exactness": "changes weights",
    "exactness.environment": "changes speed",
    "packages": "changes weights",
    "machine": "changes speed",
    "prediction": "informational",
    "why": "informational",
    "rejected": "informational",
    "stage": "changes exports",
    "integrity": "informational",
}
"""The consequence of a change in a table, or in a field whose consequence differs from it."""


@dataclass(frozen=True)
class Difference:
    """One field in which two locks differ."""

    field: str
    """Dotted, with list items by index: `data.0.rows`."""
    locked: object
    """None where the first lock has no such field."""
    found: object
    """None where the second lock has no such field."""
    consequence: Consequence


def consequence(field: str) -> Consequence:
    """Return the consequence of a change in a field.

    Raises LookupError for a field that is not registered here: no field is informational by
    default.
    """
    parts = field.split(".")
    for length in range(len(parts), 0, -1):
        found = _CONSEQUENCES.get(".".join(parts[:length]))
        if found:
            return found
    raise LookupError(field)


def differences(locked: Lock, found: Lock) -> tuple[Difference, ...]:
    """Return every field in which two locks differ, in schema order; stages are named by their
    id."""
    left, right = dict(_flat(locked.model_dump())), dict(_flat(found.model_dump()))
    return tuple(
        Difference(field, left.get(field), right.get(field), consequence(field))
        for field in dict.fromkeys((*left, *right))
        if repr(left.get(field)) != repr(right.get(field))  # -0.0 equals 0.0, but its text differs
    )


def word(value: object) -> str:
    """Return a value of a difference as text; a digest is cut short."""
    if value is None:
        return "(none)"
    text = str(value)
    return f"{text[:12]}…" if len(text) == 64 else text


def _name(index: int, item: object) -> str:
    """Return the name of an item of a list: the id of a stage, else its position."""
    return str(item["id"]) if isinstance(item, Mapping) and "id" in item else str(index)


def _flat(value: object, prefix: str = "") -> Iterator[tuple[str, object]]:
    if isinstance(value, Mapping):
        items = [(str(key), item) for key, item in value.items()]
    elif isinstance(value, list):
        items = [(_name(index, item), item) for index, item in enumerate(value)]
    else:
        yield prefix, value
        return
    for key, item in items:
        yield from _flat(item, f"{prefix}.{key}" if prefix else key)
