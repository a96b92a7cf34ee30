"""The package versions that a plan requires: those of the shipped constraints.

They do not depend on the planner's own environment: a laptop without a training stack makes the
same lock.
"""

from collections.abc import Iterable
from pathlib import Path

from lockfiles import known


def packages(kinds: Iterable[str], engine: str = "single") -> dict[str, str]:
    """Return the version of every package that can change the numbers of a run with these
    kinds of stages and this engine, by name."""
    text = (Path(__file__).parents[1] / "constraints.txt").read_text(encoding="utf-8")
    pairs = (line.strip().split("==", 1) for line in text.splitlines() if "==" in line)
    pinned = {name.lower().replace("_", "-"): version for name, version in pairs}
    return {name: pinned[name] for name in sorted(known.packages(kinds, engine))}
