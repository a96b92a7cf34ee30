"""Counts the rows of a file in an address space of so many bytes: `count_rows.py FILE BYTES`."""

import resource
import sys
from pathlib import Path

from lockfiles.errors import UsageProblem
from planner.data.reading.formats import rows_of


def main() -> None:
    memory = int(sys.argv[2])
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    try:
        print(sum(1 for _ in rows_of(Path(sys.argv[1]))))
    except UsageProblem as problem:
        print(problem.message)


if __name__ == "__main__":
    main()
