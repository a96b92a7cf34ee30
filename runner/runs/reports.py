"""The reports of stages, read back from a run folder that may come from a stranger.

A report that is not of its kind's shape counts as none, and the stage is done again.
"""

import json
from typing import Any

from runner.runs.kind import of_kind

LIMIT_BYTES = 16 << 20
"""The most that is read of a report."""


def parse(kind: str, content: bytes) -> dict[str, Any] | None:
    """Return the report in some bytes; None where they are no report of that kind of stage."""
    try:
        value = json.loads(content.decode("utf-8"))
        return of_kind(kind).report.model_validate(value).model_dump(exclude_unset=True)
    except (ValueError, RecursionError):  # pydantic's ValidationError is a ValueError
        return None


def files_in(kind: str, report: dict[str, Any], folder: str) -> bool:
    """Return whether every file and folder that a report names is in `stages/FOLDER`."""
    named = [*report.get("artifacts", ()), *of_kind(kind).unlisted(report)]
    return all(one["path"].startswith(f"stages/{folder}/") for one in named)
