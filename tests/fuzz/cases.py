"""Many cases of some kinds, tried and counted."""

import json
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Protocol

from tests.fuzz import bases, pool
from tests.fuzz.report import Count

KINDS = {
    "corpus": "corpus",
    "bytes": "byte_changes",
    "values": "value_changes",
    "intents": "intents",
    "events": "events",
    "records": "records",
    "models": "models",
    "processes": "processes",
}
_VERBS = ("check", "diff", "plan", "status", "watch", "run", "fit")
_IMPORTED_LATE = (
    "lockfiles.lock",
    "planner.data.corpus.corpus",
    "planner.plan.plan",
    "planner.plan.gather",
    "planner.search.rehearsal",
    "planner.fit.answers",
    "planner.machines.probes.nvidia",
    "planner.machines.facts",
    "runner.inputs.rows",
    "runner.inputs.verify",
    "runner.supervisor.preflight",
    "runner.supervisor.supervise",
    "tui.session.planning",
    "tui.follow.follow",
    "tui.text.run",
    "tui.commands.shared.start",
)
ONE_IN = 12
"""A short run tries one in so many cases of a kind that has a number of its own."""


@dataclass(frozen=True)
class Amount:
    """How much is tried."""

    short: bool = False
    count: int = 0
    """Cases of each kind; 0 for the kind's own number."""
    first: int = 0
    seed: int = 1
    at_once: int = 2
    keep: Path | None = None
    """Where the cases with faults are written."""


class Kind(Protocol):
    """Cases of one kind; one that has a `count` says how many there are."""

    def case(self, number: int, place: int) -> pool.Verdict:
        """Return the verdict of one case."""


def tried(home: Path, names: tuple[str, ...], amount: Amount) -> Iterator[Count]:
    """Yield what came of each kind. `home` is a folder for the files."""
    bases.quiet(home / "home")
    found = bases.made(home / "demo")
    warm()
    for name in names:
        module = import_module(f"tests.fuzz.kinds.{KINDS[name]}")
        yield _counted(name, module, module.Kind(home / name, found, amount.seed), amount)


def _counted(name: str, module: ModuleType, kind: Kind, amount: Amount) -> Count:
    fixed = getattr(kind, "count", 0)
    wanted = fixed or amount.count or (module.SHORT if amount.short else module.COUNT)
    begun, counted = time.monotonic(), Count(name)
    every = ONE_IN if fixed and amount.short else 1
    numbers = range(amount.first, amount.first + wanted, every)
    for verdict in pool.run(kind.case, numbers, amount.at_once):
        counted.add(verdict)
        if amount.keep and counted.is_fault(verdict):
            _keep(amount.keep, name, verdict)
    counted.seconds = time.monotonic() - begun
    return counted


def warm() -> None:
    """Import what the commands import, so that each case need not."""
    for verb in _VERBS:
        import_module(f"tui.commands.{verb}")
    for name in _IMPORTED_LATE:
        try:
            import_module(name)
        except ModuleNotFoundError:
            continue


def _keep(folder: Path, kind: str, verdict: pool.Verdict) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(asdict(verdict), indent=1, ensure_ascii=False)
    path = folder / f"{kind}-{verdict.number}.json"
    path.write_text(text, "utf-8", errors="replace")
