"""Which reference pages there are, and what makes each."""

from collections.abc import Callable, Mapping
from pathlib import Path

from lockfiles.forecast import Disk
from lockfiles.receipt import Receipt
from lockfiles.tables import ORDER, ExportTables, TrainingTables
from tests.docs_made import commands, events, exit_codes, models, questions

FOLDER = Path(__file__).parents[2] / "docs" / "reference"

_MADE = "<!-- Made by `python -m tests.docs_made`. Edit the code that it reads instead. -->"

_LOCK = """\
`run.lock` holds every resolved value of a run. `tunelock plan` writes it, and it is the only input
of `tunelock run`. It is TOML: a heading such as `[train]` is a table, and `[[data]]` is one of a
list of tables.

Every key has a type and bounds, and an unknown key or value is refused with its line number. Texts
hold no control characters. Keys with a default were added after the first version of the lock; an
older lock without them means the default. Do not edit a lock: change `run.toml` and plan again.

A lock that trains nothing exports the base model. It has no {absent}.
Its `[prediction]` holds `disk_bytes` alone: {disk}"""

_RECEIPT = """\
`receipt.json` is in the folder of a finished run. It holds what came out: digests, measured
memory and time, scores, and the files that were sent. Digests are those of tensors, not of files,
so two files that hold the same weights have the same digest."""


def _lock() -> str:
    own = TrainingTables.model_fields.keys() - ExportTables.model_fields.keys()
    *first, last = (f"`{name}`" for name in ORDER if name in own)
    disk = models.meaning(Disk, "disk_bytes").strip()
    return _LOCK.format(absent=f"{', '.join(first)} or {last}", disk=disk[0].lower() + disk[1:])


def _page(title: str, intro: str, body: str) -> Callable[[], str]:
    return lambda: f"{_MADE}\n\n# {title}\n\n{intro}\n\n{body}\n"


PAGES: Mapping[str, Callable[[], str]] = {
    "commands.md": lambda: f"{_MADE}\n\n{commands.page()}\n",
    "run-toml.md": lambda: f"{_MADE}\n\n{questions.page()}\n",
    "lock.md": lambda: _page("run.lock", _lock(), models.page(TrainingTables, "toml", ORDER))(),
    "receipt.md": lambda: _page("receipt.json", _RECEIPT, models.page(Receipt, "json"))(),
    "events.md": lambda: f"{_MADE}\n\n{events.page()}\n",
    "exit-codes.md": lambda: f"{_MADE}\n\n{exit_codes.page()}\n",
}
"""The text of each page by its file's name."""
