"""What differs between two locks, each difference with its consequence."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from lockfiles.lock import Lock

Consequence = Literal["changes weights", "changes speed", "changes exports", "informational"]

_CONSEQUENCES: tuple[tuple[str, Consequence], ...] = (
    ("model", "changes weights"),
    ("template", "changes weights"),
    ("data", "changes weights"),
    ("fix", "changes weights"),
    ("stream", "changes weights"),
    ("method", "changes weights"),
    ("train", "changes weights"),
    ("exactness", "changes weights"),
    ("parallel", "changes speed"),
    ("packages", "changes weights"),
    ("machine", "changes speed"),
    ("stage", "changes exports"),
)
_SPEED_ONLY = ("train.checkpointing",)
_LABELS = ("model.licence", "model.gated", "model.source")


@dataclass(frozen=True)
class Difference:
    """One field in which a lock and what was found disagree."""

    field: str
    """Dotted, with list items by their index: `data.0.rows`."""
    locked: object
    """None where the lock has no such field."""
    found: object
    """None where there is no such field any more."""
    consequence: Consequence


def consequence(field: str) -> Consequence:
    """Return what a change of a field does to the run's results."""
    if field in _LABELS:
        return "informational"
    if field in _SPEED_ONLY:
        return "changes speed"
    table = field.split(".")[0]
    return next((result for name, result in _CONSEQUENCES if name == table), "informational")


def differences(locked: Lock, found: Lock) -> tuple[Difference, ...]:
    """Return every field in which two locks differ, in schema order."""
    left, right = dict(_flat(locked.model_dump())), dict(_flat(found.model_dump()))
    return tuple(
        Difference(field, left.get(field), right.get(field), consequence(field))
        for field in dict.fromkeys((*left, *right))
        if left.get(field) != right.get(field)
    )


def _flat(value: object, prefix: str = "") -> Iterator[tuple[str, object]]:
    if isinstance(value, Mapping):
        items = [(str(key), item) for key, item in value.items()]
    elif isinstance(value, list):
        items = [(str(index), item) for index, item in enumerate(value)]
    else:
        yield prefix, value
        return
    for key, item in items:
        yield from _flat(item, f"{prefix}.{key}" if prefix else key)
