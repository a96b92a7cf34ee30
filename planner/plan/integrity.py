"""One digest for each stage, over the settings that affect it and the digests of its inputs.

A stage whose digest still matches is skipped, so a corrected Hub name or another GGUF level does
not train again. Every table of the lock must be listed in `NEUTRAL` or in a stage kind's tables,
which a test enforces.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from lockfiles import digest, known
from lockfiles.stage_kinds.registry import KINDS
from planner.pipeline.kind import of_kind

NEUTRAL = frozenset(
    ["version", "revision", "requires_runner", "intent", "decision", "machine", "prediction",
     "why", "rejected", "stage", "integrity"]
)  # fmt: skip
"""Tables that affect no result but the report: what a run is for, where it fits, and why."""
_REPORTED = tuple(sorted(NEUTRAL - {"stage", "integrity"}))
"""The receipt contains the lock's digest, so the report depends on every other table."""
_LABELS = ("revision", "license", "gated")


def integrity(tables: Mapping[str, Any]) -> dict[str, str]:
    """Return the digest of each stage, by stage id, for a lock in plain tables."""
    found: dict[str, str] = {}
    trains = any(stage["kind"] == "train" for stage in tables["stage"])
    for stage in tables["stage"]:
        name, kind = stage["id"], stage["kind"]
        planned = of_kind(kind)
        own = planned.tables if trains else planned.untrained_tables
        read = _REPORTED if planned.reads_neutral else own
        counted = {
            "settings": stage["settings"],
            "tables": _tables(kind, read, tables),
            "inputs": {one: found[one] for one in stage["inputs"]},
        }
        # A stage named after its kind keeps the digest that locks of revision 1 gave it.
        found[name] = digest.of_value(counted if name == kind else {**counted, "kind": kind})
    return found


def _tables(kind: str, read: Iterable[str], tables: Mapping[str, Any]) -> dict[str, Any]:
    found = {name: _counted(kind, name, tables) for name in read if name in tables}
    # An objective without settings has the digests that locks of revision 2 gave it.
    if set(found.get("objective", ())) == {"name"}:
        found["method"] = {"objective": found.pop("objective")["name"], **found["method"]}
    return found


def _counted(kind: str, name: str, tables: Mapping[str, Any]) -> Any:
    """Return what of a table affects a stage: not the test rows of training, nor the packages
    that only other kinds of stages need."""
    planned, table = of_kind(kind), tables[name]
    if name == "model":
        return {key: value for key, value in table.items() if key not in _LABELS}
    if name == "data" and not planned.reads_test:
        return [part for part in table if part["split"] != "test"]
    if name == "fix" and not planned.reads_test:
        return [step for step in table if step["source"] != "test"]
    if name == "packages":
        trains = KINDS[kind].spreads == "engine" and "parallel" in tables
        named = known.packages([kind], tables["parallel"]["engine"] if trains else "single")
        return {key: table[key] for key in table if key in named}
    return table
