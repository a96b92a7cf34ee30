"""Runs a command of `tunelock` in this process, and returns what it wrote and its exit code."""

import io
import re
from contextlib import chdir, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

from tui import cli
from tui.terminal import output

FOREIGN = re.compile(
    r"Traceback|\b(?:Key|Type|Value|Attribute|Index|Undefined|Runtime|Assertion)Error\b|'NoneType'"
    r"|object'? has no|get item pairs|can only concatenate|must be str|not subscriptable"
    r"|is undefined|expected str instance|unhashable|is not iterable"
)
"""Words of Python and Jinja, which no message to a person has."""


@dataclass(frozen=True)
class Said:
    """What a command wrote."""

    code: int
    """The exit code."""
    out: str
    """Its standard output."""
    err: str
    """Its standard error."""

    @property
    def text(self) -> str:
        """Both outputs in one line, since long lines are folded."""
        return " ".join(f"{self.out} {self.err}".split())

    def names(self, name: str) -> bool:
        """Return whether a name occurs as a word of its own."""
        before = r"(?<![\w.])" if name.isdigit() else r"(?<!\w)"
        return re.search(rf"{before}{re.escape(name)}(?!\w)", self.text) is not None


def tunelock(folder: Path, *arguments: str) -> Said:
    """Run a command in a folder. Its messages must be free of Python's own."""
    out, err, code = io.StringIO(), io.StringIO(), 0
    with chdir(folder), redirect_stdout(out), redirect_stderr(err):
        try:
            output.guarded(lambda: cli.command(arguments))
        except SystemExit as ended:
            code = int(ended.code or 0)
    said = Said(code, out.getvalue(), err.getvalue())
    foreign = FOREIGN.search(said.text)
    assert not foreign, f"a message has `{foreign and foreign[0]}`: {said.text}"
    return said
