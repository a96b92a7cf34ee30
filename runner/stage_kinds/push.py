"""Push: where the person allows it, and the Hub does."""

from typing import Annotated

from pydantic import Field

from lockfiles.errors import UsageProblem
from lockfiles.fields import Sha256
from lockfiles.fixes import Option
from lockfiles.harmless import one_line
from lockfiles.lock import Lock, Stage
from runner.runs.kind import Asked, Count, Report, ReportTable, RunKind


class SentFile(ReportTable):
    """One file that left the machine."""

    name: Annotated[str, Field(min_length=1, max_length=200)]
    size_bytes: Count
    sha256: Sha256


class Pushed(Report):
    """What `push` reports."""

    url: str
    commit: Annotated[str, Field(max_length=100)]
    repo: Annotated[str, Field(max_length=200)] = ""
    """`owner/name`; results from before it was reported lack it."""
    sent: Annotated[list[SentFile], Field(max_length=100_000)] = Field(default_factory=list)
    """Every file that was sent."""


def _check(lock: Lock, stage: Stage, asked: Asked) -> None:
    """Raise UsageProblem where the person does not allow the push, or the Hub does not."""
    repo = str(stage.settings["to"])
    if repo not in asked.allowed:
        named = one_line(repo, most=200)
        raise UsageProblem(
            f"This lock pushes to `{named}`, and only you can allow that.",
            fix=Option("--allow {}", named, to="confirm with"),
        )
    from runner.export.push import check_access

    check_access(repo)


KIND = RunKind(Pushed, online=True, target="to", check=_check)
