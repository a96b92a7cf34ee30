"""What trials found: a file of one JSON line for each."""

import json
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from planner.setup.setup import Profile

Line = dict[str, Any]
"""Of a trial: its name and facts, `profile`, `predicted`, and `measured` or `error`."""


def told(profile: Profile) -> Line:
    """Return a plan's fields as a line has them: without those that have their default."""
    usual = {field.name: field.default for field in fields(Profile)}
    found = {key: value for key, value in asdict(profile).items() if value != usual[key]}
    return found | {"targets": list(profile.targets)}


def profile_of(line: Line) -> Profile:
    """Return the plan of a line."""
    known = line["profile"]
    return Profile(**known | {"targets": tuple(known["targets"])})


def lines(path: Path) -> list[Line]:
    """Return the lines of a file, of each name the last; none where there is no file."""
    return list({line["name"]: line for line in every(path)}.values())


def added(path: Path, line: Line) -> None:
    """Append a line to a file."""
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")


def every(path: Path) -> list[Line]:
    """Return all lines of a file; none where there is no file."""
    if not path.exists():
        return []
    return [json.loads(text) for text in path.read_text("utf-8").splitlines()]


def ran(line: Line) -> bool:
    """Return whether a trial took all of its steps."""
    return bool(line["measured"]) and not line["measured"]["out_of_memory"]


def ran_out(line: Line) -> bool:
    """Return whether the card had too little memory for a trial."""
    return bool(line["measured"]) and bool(line["measured"]["out_of_memory"])


def gib(size: int) -> str:
    """Return bytes as GiB."""
    return f"{size / (1 << 30):.2f} GiB"
