"""Parses references to datasets: `hf:owner/name@revision:config:split`."""

import re
from dataclasses import dataclass

from lockfiles.errors import UsageProblem
from lockfiles.fixes import Advice

PREFIX = "hf:"
MAIN = "main"
_FORM = "hf:owner/name:config:split"
_REFERENCE = re.compile(
    r"hf:(?P<repo>[\w-][\w.-]*/[\w-][\w.-]*)"
    r"(?:@(?P<revision>[^:@\s]+))?"
    r"(?::(?P<config>[^:]*))?"
    r"(?::(?P<split>[^:]*))?",
    re.ASCII,
)


@dataclass(frozen=True)
class Reference:
    """A reference to a dataset on the Hub."""

    repo: str
    """`owner/name`."""
    revision: str = MAIN
    """A branch, tag or commit."""
    config: str = ""
    """Empty for the only or the default config."""
    split: str = ""
    """Empty for the split that its use suggests."""

    def __str__(self) -> str:
        at = "" if self.revision == MAIN else f"@{self.revision}"
        parts = f":{self.config}:{self.split}" if self.split else f":{self.config}"
        return f"{PREFIX}{self.repo}{at}{parts}".removesuffix(":")


def is_reference(text: str) -> bool:
    """Return whether a text names a dataset on the Hub, and not a local file."""
    return text.startswith(PREFIX)


def parse(text: str) -> Reference:
    """Return the reference in a text. Raises UsageProblem if it is invalid."""
    found = _REFERENCE.fullmatch(text)
    if not found:
        raise UsageProblem(
            f"`{text}` is not a valid reference to a dataset on the Hub.",
            fix=Advice(f"write `{_FORM}`, or `hf:owner/name@revision:config:split`"),
        )
    named = {part: value.strip() for part, value in found.groupdict(default="").items()}
    return Reference(named["repo"], named["revision"] or MAIN, named["config"], named["split"])
