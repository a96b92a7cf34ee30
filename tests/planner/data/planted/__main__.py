"""Print what the scan finds of faults planted in data files: `python -m … [FILE.jsonl ...]`."""

import argparse
import sys
from pathlib import Path

from planner.data.formats import load_table
from planner.data.rows import Row
from tests.planner.data.planted.file import File
from tests.planner.data.planted.score import SEED, table
from tests.planner.data.planted.shipped import SHIPPED


def main() -> None:
    """Print a table for each file; without files, for rows made of the shipped ones."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE.jsonl")
    parser.add_argument("--seed", type=int, default=SEED)
    options = parser.parse_args()
    files = {path.name: _rows(path) for path in options.files} or SHIPPED
    for name, rows in files.items():
        for line in table(name, File(rows), options.seed):
            print(line, flush=True)


def _rows(path: Path) -> tuple[Row, ...]:
    """Return the conversations of a file; one with `question` and `answer` too."""
    asked = '"question"' in path.open(encoding="utf-8").readline()
    columns = {"prompt": "question", "completion": "answer"} if asked else None
    table = load_table(path, columns=columns)
    if table.kind != "conversation":
        sys.exit(f"{path} has no conversations")
    return table.rows


if __name__ == "__main__":
    main()
