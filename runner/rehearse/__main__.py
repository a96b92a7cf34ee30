"""`python -P -m runner.rehearse JOB.json`: run a case; the last line of stdout is the result.

A job with `cases` compares them: each prints a line when it begins and one with its times.
"""

import json
import sys
import traceback
import warnings
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from planner.data.tokens.example import Encoded, Example
from planner.setup.setup import Profile
from runner.rehearse.case import Case


def case_of(values: Mapping[str, Any]) -> Case:
    """Return the case in a JSON text."""
    profile = Profile(**values["profile"] | {"targets": tuple(values["profile"]["targets"])})
    rows = {
        name: tuple(_example(one["sequences"]) for one in values[name])
        for name in ("rows", "held_out")
    }
    sizes = {"graph_sizes": tuple(values["graph_sizes"])}
    return Case(**{**values, "profile": profile, **rows, **sizes})


def _example(sequences: Mapping[str, Any]) -> Example:
    return Example(
        {
            name: Encoded(tuple(one["input_ids"]), tuple(one["labels"]))
            for name, one in sequences.items()
        }
    )


def main(job: Path) -> None:
    """Print what was measured, as JSON."""
    warnings.simplefilter("ignore")
    from runner.rehearse.measure import measure
    from runner.training.determinism import keep_to

    asked = json.loads(job.read_text(encoding="utf-8"))
    keep_to(asked["exactness"]["threads"], exact=asked["exactness"]["exact"])
    if "cases" in asked:
        from runner.rehearse.compare import compare

        for line in compare([case_of(one) for one in asked["cases"]], asked["ends"]):
            print(json.dumps(line), flush=True)
        return
    print(json.dumps(asdict(measure(case_of(asked["case"])))))


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]))
    except Exception as problem:
        traceback.print_exc()
        sys.exit(f"{type(problem).__name__}: {(str(problem).splitlines() or [''])[0]}")
