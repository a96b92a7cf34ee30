"""`python -P -m runner.trace JOB.json`: trace plans; the last line of stdout is the result.

A list has plans to trace; an object is a search (`runner.trace.survey`).
"""

import json
import sys
import traceback
import warnings
from pathlib import Path
from typing import Any

from planner.setup.setup import Profile
from runner.environments.lifeline import end_with_parent


def main(job: Path) -> None:
    """Print, for each plan, the peak of live bytes in each moment, or what a search found."""
    warnings.simplefilter("ignore")
    from runner.trace.search import Search, searched
    from runner.trace.step import whole_peaks

    asked = json.loads(job.read_text(encoding="utf-8"))
    if isinstance(asked, list):
        found = [whole_peaks(one["config"], _profile(one["profile"])) for one in asked]
        print(json.dumps(found))
    else:
        plans = {kind: _profile(plan) for kind, plan in asked.pop("plans").items()}
        print(json.dumps(searched(Search(plans=plans, **asked))))


def _profile(fields: dict[str, Any]) -> Profile:
    return Profile(**fields | {"targets": tuple(fields["targets"])})


if __name__ == "__main__":
    end_with_parent(1)
    try:
        main(Path(sys.argv[1]))
    except Exception as problem:
        traceback.print_exc()
        sys.exit(f"{type(problem).__name__}: {(str(problem).splitlines() or [''])[0]}")
