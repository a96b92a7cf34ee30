"""Fetches datasets of the Hub: a JSON list of modules to hide, then one `[NAME, USE]` a dataset.

Prints a list: heavy packages that were imported, then what came of each.
"""

import json
import sys
from dataclasses import asdict

from lockfiles.errors import TunelockError
from planner.data.reading.formats import load_table
from planner.hub.datasets.local import local


def fetched(name: str, use: str) -> dict[str, object]:
    said: list[str] = []
    try:
        split, folder = local(name, use, said.append)
        rows = [row.answer for row in load_table(folder).rows]
    except TunelockError as problem:
        return {"code": problem.exit_code, "message": problem.message, "hint": problem.hint}
    inside = sorted(path.name for path in folder.iterdir())
    return asdict(split) | {
        "name": str(split), "folder": str(folder), "inside": inside, "rows": rows, "said": said
    }  # fmt: skip


def main() -> None:
    hidden, *cases = json.loads(sys.argv[1])
    sys.modules.update(dict.fromkeys(hidden))
    found = [fetched(*case) for case in cases]
    heavy = sorted({"torch", "transformers", "datasets"} & set(sys.modules))
    print(json.dumps([heavy, *found]))


if __name__ == "__main__":
    main()
