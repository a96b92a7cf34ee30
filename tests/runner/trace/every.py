"""`python -m tests.runner.trace.every OUT.jsonl`: the closed form against the trace, every family.

Each family at 2 and at 4 layers of a real model's widths (its smallest in the catalogue, else its
class's defaults), for full fine-tuning, LoRA and QLoRA, with and without checkpointing. One JSON
line a case; cases that stand in OUT are not run again.
"""

import json
import logging
import sys
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from planner.catalogue.lookup import find_model
from planner.fit.families import families
from planner.setup.setup import Profile
from tests.runner.trace.families import (
    METHODS,
    by_phase,
    closed,
    config_of,
    cut,
    inside,
    plans,
    shape_of,
    with_targets,
)

DEPTHS = (2, 4)


def configs() -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each family's name and the `config.json` of a model of it."""
    for one in families():
        found = find_model(one.example) if one.example else None
        yield one.name, dict(found.config) if found else config_of(one.name)


def errors(config: Mapping[str, Any], plan: Profile) -> tuple[int, int]:
    """Return the peaks of the closed form and of the trace, in bytes."""
    from runner.trace.step import whole_peaks

    shape = shape_of(config)
    assert shape is not None
    plan = with_targets(plan, shape)
    traced = max(by_phase(whole_peaks(config, plan)).values())
    return max(inside(phase.components) for phase in closed(shape, plan).phases), traced


def main() -> None:
    """Compare, one line a case."""
    warnings.simplefilter("ignore")
    logging.disable(logging.ERROR)
    out = Path(sys.argv[1])
    wanted = set(sys.argv[2:])
    done = (
        {json.loads(line)["case"] for line in out.read_text().splitlines()}
        if (out.exists())
        else set()
    )
    for family, whole in configs():
        if wanted and family not in wanted:
            continue
        for depth in DEPTHS:
            for plan in plans(0.05, METHODS):
                case = f"{family} {depth} {plan.method} {'ckpt' if plan.checkpointing else 'whole'}"
                if case not in done:
                    _write(out, case, whole, depth, plan)


def _write(out: Path, case: str, whole: Mapping[str, Any], depth: int, plan: Profile) -> None:
    line: dict[str, object] = {"case": case}
    try:
        made, traced = errors(cut(whole, depth), plan)
        line |= {"closed": made, "traced": traced, "error": round(made / traced - 1, 5)}
    except Exception as problem:  # a case that fails is a line, too
        line["failed"] = f"{type(problem).__name__}: {problem}"[:300]
    with out.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")
    print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
