"""`python -m tests.runner.trace.partition_table`: trace the cases of the table of partitions again.

Writes what the first and the second layer of each case save to `tests/data/partitions.jsonl`, and
prints each case whose numbers changed. `--check` writes nothing, and fails if any changed. It takes
about 15 seconds a case.
"""

import argparse
import json
import sys
import warnings
from pathlib import Path
from typing import Any

from planner.models.architecture import architecture
from tests.runner.trace.partition import config_of, partitions, plan, sums

TABLE = Path(__file__).parents[2] / "data" / "partitions.jsonl"


def again(case: dict[str, Any]) -> dict[str, Any]:
    """Return a case with what its layers save."""
    config = config_of(case["model"]) | case.get("changes", {})
    shape = architecture(config, case["model"])
    setup = plan(shape, case["method"], case["dropout"], case["targets"])
    first, second = partitions(config, setup)
    return case | {"first": sums(first), "second": sums(second)}


def main() -> int:
    """Trace all cases; `--only TEXT` those with a text in their line, `--every N` each N-th."""
    given = argparse.ArgumentParser()
    given.add_argument("--check", action="store_true")
    given.add_argument("--only", default="")
    given.add_argument("--every", type=int, default=1)
    asked = given.parse_args()
    lines, changed = TABLE.read_text("utf-8").splitlines(), 0
    for number, line in enumerate(lines):
        if asked.only in line and number % asked.every == 0:
            lines[number] = json.dumps(again(json.loads(line)))
        if lines[number] != line:
            changed += 1
            print(f"before: {line}\nafter:  {lines[number]}", flush=True)
    if not asked.check:
        TABLE.write_text("\n".join((*lines, "")), encoding="utf-8")
    return int(asked.check and changed > 0)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    sys.exit(main())
