"""`python -m tests.runner.trace.every OUT.jsonl [NAME ...]`: the closed form against the trace.

Each family with the widths of a real model (its smallest in the catalogue), and with few layers: as
few as have each kind of layer that the model has, at least 2; and 2 more. Full fine-tuning, LoRA
and QLoRA, with and without checkpointing. One JSON line a case; cases that OUT has are not run
again. Then it prints the table that `every.txt` holds.
"""

import json
import logging
import sys
import warnings
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from planner.catalogue.lookup import find_model
from planner.fit.families import FamilyFacts, families
from planner.setup.setup import Profile
from tests.runner.trace.cuts import cut, depth_of, kinds
from tests.runner.trace.families import (
    METHODS,
    by_phase,
    closed,
    complete,
    config_of,
    inside,
    plans,
    shape_of,
    with_targets,
)

TABLE = Path(__file__).with_name("every.txt")
LEAST, MORE = 2, 2
"""The fewest layers, and how many more the second model has."""
DROPOUT = 0.05


@dataclass(frozen=True)
class Case:
    """A model with few layers in one plan."""

    family: str
    config: Mapping[str, Any]
    plan: Profile

    @property
    def name(self) -> str:
        """The family, the number of layers, the method, and whether it checkpoints."""
        kept = "checkpointing" if self.plan.checkpointing else "saving"
        return f"{self.family} {depth_of(self.config)} {self.plan.method} {kept}"

    def peaks(self) -> tuple[int, int]:
        """Return the peaks of the closed form and of the trace, in bytes."""
        from runner.trace.step import whole_peaks

        shape = shape_of(self.config)
        assert shape is not None
        plan = with_targets(self.plan, shape)
        traced = max(by_phase(whole_peaks(self.config, plan)).values())
        return max(inside(phase.components) for phase in closed(shape, plan).phases), traced


def cases(family: str) -> Iterator[Case]:
    """Yield the cases of a family."""
    config = _config(next(one for one in families() if one.name == family))
    least = max(LEAST, len(set(kinds(config))))
    for layers in (least, least + MORE):
        for plan in plans(DROPOUT, METHODS):
            yield Case(family, cut(config, layers), plan)


def _config(one: FamilyFacts) -> dict[str, Any]:
    found = find_model(one.example) if one.example else None
    return complete(found.config) if found else config_of(one.name)


def table(lines: Iterable[Mapping[str, Any]]) -> str:
    """Return a row for each family: its layers, and the mean and the worst difference."""
    found: dict[str, list[Mapping[str, Any]]] = {}
    for line in lines:
        found.setdefault(line["case"].split()[0], []).append(line)
    rows = [_row(family, found[family]) for family in sorted(found)]
    every = [abs(line["error"]) for each in found.values() for line in each if "error" in line]
    mean, worst = sum(every) / len(every), max(every)
    said = f"{len(found)} families, {len(every)} cases: mean {mean:.1%}, worst {worst:.1%}"
    head = f"{'family':20} {'layers':8} {'cases':>5} {'mean':>6} {'worst':>7}  the worst case"
    return "\n".join((said, "", head, *rows, ""))


def _row(family: str, lines: list[Mapping[str, Any]]) -> str:
    layers = sorted({int(line["case"].split()[1]) for line in lines})
    known = [line for line in lines if "error" in line]
    if not known:
        return f"{family:20} {', '.join(map(str, layers)):8} {0:5}"
    mean = sum(abs(line["error"]) for line in known) / len(known)
    worst = max(known, key=lambda line: abs(line["error"]))
    _, depth, method, kept = worst["case"].split()
    return (
        f"{family:20} {', '.join(map(str, layers)):8} {len(known):5} {mean:6.1%} "
        f"{worst['error']:+7.1%}  {method}, {depth} layers, {kept}"
    )


def main() -> None:
    """Compare, one line a case, and print the table."""
    warnings.simplefilter("ignore")
    logging.disable(logging.ERROR)
    out, wanted = Path(sys.argv[1]), sys.argv[2:] or [one.name for one in families()]
    lines = [*map(json.loads, out.read_text("utf-8").splitlines())] if out.exists() else []
    done = {line["case"] for line in lines}
    for case in (each for family in wanted for each in cases(family)):
        if case.name not in done:
            lines.append(_written(out, case))
    print(table(lines), end="")


def _written(out: Path, case: Case) -> Mapping[str, Any]:
    line: dict[str, Any] = {"case": case.name}
    try:
        made, traced = case.peaks()
        line |= {"closed": made, "traced": traced, "error": round(made / traced - 1, 5)}
    except Exception as problem:  # a case that fails is a line, too
        line["failed"] = f"{type(problem).__name__}: {problem}"[:300]
    with out.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")
    print(json.dumps(line), file=sys.stderr, flush=True)
    return line


if __name__ == "__main__":
    main()
