"""`python -P -m runner.trace JOB.json`: trace plans; the last line of stdout is the result."""

import json
import sys
import traceback
import warnings
from pathlib import Path

from planner.setup.setup import Profile


def main(job: Path) -> None:
    """Print, for each plan, the peak of live bytes in each moment."""
    warnings.simplefilter("ignore")
    from runner.trace.step import whole_peaks

    found = []
    for asked in json.loads(job.read_text(encoding="utf-8")):
        fields = asked["profile"] | {"targets": tuple(asked["profile"]["targets"])}
        profile = Profile(**fields)
        found.append(whole_peaks(asked["config"], profile))
    print(json.dumps(found))


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]))
    except Exception as problem:
        traceback.print_exc()
        sys.exit(f"{type(problem).__name__}: {(str(problem).splitlines() or [''])[0]}")
