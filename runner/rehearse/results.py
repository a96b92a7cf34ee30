"""What the processes of a rehearsal leave for the one that started them: a file of JSON lines each.

Libraries print to stdout, and lines of several processes would mix there.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_NAME = "rank-{}.jsonl"


class Results:
    """Writes what one process found."""

    def __init__(self, folder: Path, rank: int) -> None:
        self._path = folder / _NAME.format(rank)

    def add(self, line: Mapping[str, Any]) -> None:
        """Add a result."""
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")


def read(folder: Path, processes: int) -> tuple[list[dict[str, Any]], ...]:
    """Return the results of each process, by rank; a last line that is cut off is left out."""
    return tuple(_lines(folder / _NAME.format(rank)) for rank in range(processes))


def _lines(path: Path) -> list[dict[str, Any]]:
    if not path.exists():
        return []
    whole = path.read_text("utf-8").rpartition("\n")[0]
    return [json.loads(line) for line in whole.splitlines()]
