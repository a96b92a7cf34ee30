"""What a lock must know of each kind of stage."""

from collections.abc import Iterable
from dataclasses import replace
from importlib import import_module

from lockfiles.stage_kinds import NAMES
from lockfiles.stage_kinds.kind import StageKind

_OWN: tuple[StageKind, ...] = tuple(
    import_module(f"lockfiles.stage_kinds.{name}").KIND for name in NAMES
)


def _reading(kind: StageKind, others: Iterable[StageKind]) -> StageKind:
    """Return a kind that reads what it sends."""
    if not kind.sends:
        return kind
    sent = [one for one in others if one.sent]
    untrained = frozenset(one.name for one in sent if one.untrained is not None)
    return replace(kind, reads=kind.reads.union(one.name for one in sent), untrained=(untrained,))


KINDS: dict[str, StageKind] = {kind.name: _reading(kind, _OWN) for kind in _OWN}
