"""What the stages of a run leave: said by each stage, listed in the receipt, read by the others."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from lockfiles.receipt import Artifact
from runner.runs.kind import of_kind
from runner.stages.context import Context

NAMES = {"adapter": "adapter", "merged": "merged model"}
"""What tensors are called in a report's `digests`, and as an artifact."""


def made(given: Context, what: str, name: str, digest: str) -> dict[str, Any]:
    """Send an event for what the stage left as `name`, and return it as the stage reports it.

    `digest` is of its tensors.
    """
    size = _size(given.work / name)
    path = str((given.result(given.stage) / name).relative_to(given.run))
    given.line.send("artifact", what=what, path=path, size_bytes=size)
    return {"what": what, "path": path, "digest": digest, "size": size}


def of_run(given: Context) -> list[Artifact]:
    """Return what the done stages left, in the lock's order."""
    return [
        Artifact(stage=stage.id, **one)
        for stage in given.lock.stage
        for one in _of(given, stage.id, stage.kind)
    ]


def _of(given: Context, stage: str, kind: str) -> Iterator[Mapping[str, Any]]:
    report = given.report(stage)
    if report.get("artifacts"):
        yield from report["artifacts"]
    elif report and (folder := of_kind(kind).tensors):
        yield from _unlisted_tensors(given, given.result(stage) / folder, report)
    else:
        yield from of_kind(kind).unlisted(report)


def _unlisted_tensors(
    given: Context, folder: Path, report: Mapping[str, Any]
) -> Iterator[dict[str, Any]]:
    """Yield the artifact of a report that lists none, as the first version of reports had it."""
    (name, digest), *_ = report["digests"].items()
    path = str(folder.relative_to(given.run))
    yield {"what": NAMES[name], "path": path, "digest": digest, "size": _size(folder)}


def _size(path: Path) -> int:
    """Return the bytes of a file, or of all files in a folder."""
    inside = path.rglob("*") if path.is_dir() else [path]
    return sum(one.lstat().st_size for one in inside if one.is_file())
