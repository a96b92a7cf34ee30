"""What commands say of a file of rows: a report, its first row as training sees it, a plan."""

import json
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from pathlib import Path
from typing import Any

from tests.cases.command import Said, tunelock
from tests.cases.rows import Row, jsonl

INTENT = """\
[goal]
name = "case"
prompting = "falls-short"
repetitive_task = true
override = "a small trial"

[data]
train = "{file}"
{data}
[model]
source = "{model}"

[machine]
device = "cpu"

[train]
epochs = 1
{results}"""
LOCK = "run.lock"
REFUSED = (2, 6)
"""Exit codes: an input that cannot be used, and rows that cannot be trained on."""


def plan(folder: Path, file: str, model: Path, data: str = "", results: str = "") -> Said:
    """Plan a run on a file of rows, from a new `run.toml`. `data` are more lines of its table."""
    text = INTENT.format(file=file, model=model, data=data, results=results)
    (folder / "run.toml").write_text(text, "utf-8")
    (folder / LOCK).unlink(missing_ok=True)
    return tunelock(folder, "plan", "run.toml")


@dataclass(frozen=True)
class Seen:
    """A file of rows, as three commands see it; the first two run when they are asked for."""

    folder: Path
    """Where the commands run."""
    file: str
    """The file's name there."""
    model: Path
    """The model's folder."""
    plan: Said
    """`tunelock plan run.toml`."""
    locked: bool
    """Whether there is a lock."""

    @cached_property
    def report(self) -> Said:
        """`tunelock data FILE --model MODEL`."""
        return tunelock(self.folder, "data", self.file, "--model", str(self.model))

    @cached_property
    def row(self) -> Said:
        """The same with `--row 0 --json`."""
        options = ("--model", str(self.model), "--row", "0", "--json")
        return tunelock(self.folder, "data", self.file, *options)

    @cached_property
    def shown(self) -> dict[str, Any]:
        """The first row, rendered; it must be one that can be trained on."""
        assert self.row.code == 0, f"the first row is refused: {self.row.err}"
        found: dict[str, Any] = json.loads(self.row.out)
        return found

    @property
    def text(self) -> str:
        """The first row as text."""
        return str(self.shown["text"])

    @property
    def scored(self) -> list[str]:
        """The scored parts of the first row."""
        grouped = groupby(self.shown["tokens"], key=lambda token: bool(token["scored"]))
        return ["".join(str(one["text"]) for one in part) for counts, part in grouped if counts]

    def names(self, name: str) -> bool:
        """Return whether the report or the plan has a name."""
        return self.plan.names(name) or self.report.names(name)


def seen(folder: Path, file: str, model: Path, data: str = "") -> Seen:
    """Plan a run on a file of rows in a folder."""
    planned = plan(folder, file, model, data)
    locked = (folder / LOCK).exists()
    assert locked == (planned.code == 0)
    return Seen(folder, file, model, planned, locked)


def looked(folder: Path, model: Path, made: list[Row], data: str = "") -> Seen:
    """Plan a run on rows, from a file of JSON Lines. `data` are more lines of its table."""
    jsonl(folder / "rows.jsonl", made)
    return seen(folder, "rows.jsonl", model, data)


def check_refused(found: Seen, *names: str) -> None:
    """Check that there is no lock, and that each name is given."""
    assert not found.locked, f"a lock was written; scored: {found.row.code or found.scored}"
    assert found.plan.code in REFUSED, found.plan.err
    missing = [name for name in names if not found.names(name)]
    assert not missing, f"refused without naming {missing}: {found.report.text}"


def check_named(found: Seen, name: str) -> None:
    """Check that the report or the plan has a name."""
    assert found.names(name), f"`{name}` is not named"


def check_scored(found: Seen, *wanted: str) -> None:
    """Check that there is a lock, and what is scored of the first row."""
    assert found.locked, f"no lock: {found.plan.err}"
    assert found.scored == list(wanted), f"scored: {found.scored}"


def check_scored_or_refused(found: Seen, name: str, *wanted: str) -> None:
    """Check that what a key means is kept to, or that the rows are refused by its name."""
    if found.locked:
        check_scored(found, *wanted)
    else:
        check_refused(found, name)


def check_shown_or_refused(found: Seen, name: str, *parts: str) -> None:
    """Check that parts are in the first row's text, or that the rows are refused by a name."""
    if found.locked:
        missing = [part for part in parts if part not in found.text]
        assert not missing, f"locked without {missing}: {found.text}"
    else:
        check_refused(found, name)
