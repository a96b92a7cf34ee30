"""Reads the facts of `[REPO, REVISION, FOLDER]` of a JSON list from the Hub.

Prints a list: heavy packages that were imported, then what came of each.
"""

import json
import sys
from dataclasses import asdict
from pathlib import Path

from lockfiles.errors import UsageProblem
from planner.hub.models import from_hub


def facts(repo: str, revision: str, folder: str) -> dict[str, object]:
    try:
        return asdict(from_hub(repo, revision, folder=Path(folder)))
    except UsageProblem as problem:
        return {"message": problem.message, "hint": problem.hint}


if __name__ == "__main__":
    found = [facts(*case) for case in json.loads(sys.argv[1])]
    heavy = sorted({"torch", "transformers", "datasets"} & set(sys.modules))
    print(json.dumps([heavy, *found]))
