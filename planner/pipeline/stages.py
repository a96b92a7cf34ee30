"""The stages of a run, with their settings, from the answers."""

from collections.abc import Mapping, Sequence, Set
from typing import Any

from lockfiles.errors import UsageProblem
from lockfiles.fixes import Advice
from lockfiles.stage_kinds.kind import StageKind
from lockfiles.stage_kinds.registry import KINDS
from planner.pipeline.kind import Sizes, Wanted, of_kind


def stages(wanted: Wanted) -> list[dict[str, object]]:
    """Return the stages in order. Raises UsageProblem where answers ask for the impossible.

    A stage is called by its kind, the second of a kind `KIND-2`, and reads every earlier stage
    that its kind can read.
    """
    found: list[dict[str, object]] = []
    kinds: dict[str, str] = {}
    for name, kind in KINDS.items():
        possible = wanted.trains or kind.untrained is not None
        asked = of_kind(name).settings(wanted) if possible else []
        for number, settings in enumerate(asked, start=1):
            stage = name if number == 1 else f"{name}-{number}"
            inputs = [one for one, earlier in kinds.items() if kind.may_read(earlier)]
            _check_inputs(kind, {kinds[one] for one in inputs}, trains=wanted.trains)
            found.append({"id": stage, "kind": name, "inputs": inputs, "settings": settings})
            kinds[stage] = name
    return found


def _check_inputs(kind: StageKind, found: Set[str], *, trains: bool) -> None:
    """Raise UsageProblem where a stage lacks the result of a kind that it needs."""
    for needed in (kind.needs if trains else kind.untrained) or ():
        if not needed & found:
            names = " or ".join(f"`{name}`" for name in sorted(needed))
            raise UsageProblem(
                f"The stage `{kind.name}` needs the result of {names}, but the run has none.",
                fix=of_kind(kind.name).skip or Advice("change `run.toml`"),
            )


def disk_bytes(stages: Sequence[Mapping[str, Any]], sizes: Sizes) -> int:
    """Return the disk space that all stages of a run take together, in bytes."""
    return sum(of_kind(one["kind"]).disk_bytes(sizes, one["settings"]) for one in stages)
