"""Print what the scan finds of faults planted in data files: `python -m … [FILE.jsonl ...]`."""

import argparse
from pathlib import Path

from tests.planner.data.planted.file import File
from tests.planner.data.planted.score import SEED, table
from tests.planner.data.planted.shipped import SHIPPED, shipped
from tests.planner.data.reworded_rows import real


def main() -> None:
    """Print a table for each file; without files, for rows made of the shipped ones."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE.jsonl")
    parser.add_argument("--seed", type=int, default=SEED)
    options = parser.parse_args()
    files = {path.name: real(path) for path in options.files}
    files = files or {name: shipped(name) for name in SHIPPED}
    for name, rows in files.items():
        for line in table(name, File(rows), options.seed):
            print(line, flush=True)


if __name__ == "__main__":
    main()
