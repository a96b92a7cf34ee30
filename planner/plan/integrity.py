"""One digest for each stage: over the settings that affect it, and its inputs' digests.

A stage whose digest still matches is not done again, so a corrected Hub name or one more GGUF
level never trains again. A new table of the lock must be given its place here; a test holds that.
"""

from collections.abc import Mapping
from typing import Any

from lockfiles import digest

_INPUTS = {
    "prepare": (),
    "train": (),
    "evaluate": ("prepare", "train"),
    "merge": ("train",),
    "gguf": ("prepare", "train", "merge"),
    "push": ("train", "merge", "gguf"),
    "report": ("prepare", "train", "evaluate", "merge", "gguf", "push"),
}
"""The stages whose results each stage reads."""
STAGE_TABLES = {
    "prepare": ("template", "data", "fix", "stream"),
    "train": (
        "model", "template", "data", "fix", "stream", "method", "train",
        "parallel", "exactness", "packages",
    ),
}  # fmt: skip
"""The tables of the lock that each stage reads, beside its own settings."""
NEUTRAL = frozenset(
    ["version", "revision", "requires_runner", "intent", "decision", "machine", "prediction",
     "why", "rejected", "stage", "integrity"]
)  # fmt: skip
"""Tables that change no result but the report: what a run is for, where it fits, and why."""
_REPORTED = tuple(sorted(NEUTRAL - {"stage", "integrity"}))
"""The receipt names the lock by its digest, so the report counts all that the others do not."""
_LABELS = ("revision", "licence", "gated")


def integrity(tables: Mapping[str, Any]) -> dict[str, str]:
    """Return stage name to digest for the stages of a lock that is still plain tables."""
    found: dict[str, str] = {}
    for stage in tables["stage"]:
        name = stage["name"]
        read = _REPORTED if name == "report" else STAGE_TABLES.get(name, ())
        found[name] = digest.of_value(
            {
                "settings": stage["settings"],
                "tables": {
                    table: _counted(name, table, tables[table]) for table in read if table in tables
                },
                "inputs": {one: found[one] for one in _INPUTS[name] if one in found},
            }
        )
    return found


def _counted(stage: str, name: str, table: Any) -> Any:
    if name == "model":
        return {key: value for key, value in table.items() if key not in _LABELS}
    if stage == "train" and name == "data":
        return [part for part in table if part["split"] != "test"]
    if stage == "train" and name == "fix":
        return [step for step in table if step["source"] != "test"]
    return table
