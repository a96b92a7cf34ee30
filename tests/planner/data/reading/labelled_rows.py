"""Real texts and their labels, in the forms that classification files have."""

import csv
import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from runner.demo import files

ROWS = Path(files.__file__).parent / "rows"


def pairs(name: str = "train", every: int = 5) -> list[tuple[str, str]]:
    """Return texts and their labels, from the demo's rows."""
    lines = (ROWS / f"{name}.jsonl").read_text("utf-8").splitlines()[::every]
    turns = [json.loads(line)["messages"] for line in lines]
    return [(asked["content"], answer["content"]) for _, asked, answer in turns]


def as_csv(
    path: Path, header: Sequence[str], rows: Iterable[Sequence[object]], delimiter: str = ","
) -> Path:
    """Write delimited text."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, delimiter=delimiter)
        writer.writerow(header)
        writer.writerows(rows)
    return path
