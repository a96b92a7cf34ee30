"""GGUF: for the supported families and levels."""

from collections.abc import Mapping
from importlib.util import find_spec
from typing import Annotated, Any

from pydantic import Field

from lockfiles.errors import UsageProblem
from lockfiles.fields import Sha256
from lockfiles.fixes import PLAN_AGAIN, Answer, Command
from lockfiles.lock import Lock, Stage
from runner.environments.packages import gguf_can_answer
from runner.runs.kind import Asked, Count, Report, ReportTable, RunKind, StagePath


class File(ReportTable):
    """One GGUF file."""

    path: StagePath
    size_bytes: Count
    tensors_sha256: Sha256
    tensor_types: dict[str, Any]


class Sample(ReportTable):
    """An answer next to the expected one."""

    source: str
    prompt: str
    answer: str
    wanted: str


class Converted(Report):
    """The report of `gguf`."""

    gguf: Annotated[dict[str, File], Field(max_length=64)]
    """Files by level."""
    samples: Annotated[list[Sample], Field(max_length=1000)]


def _check(lock: Lock, stage: Stage, asked: Asked) -> None:
    """Raise UsageProblem if a package is missing."""
    if find_spec("gguf") is None:
        raise UsageProblem(
            "GGUF export needs the package `gguf`, which is not installed.",
            fix=Command("pip install 'tunelock[gguf]'"),
        )
    from runner.export.gguf.levels import check_level

    levels = stage.settings["levels"]
    if not isinstance(levels, list) or not levels:
        raise UsageProblem("The stage `gguf` names no levels.", fix=PLAN_AGAIN)
    for level in levels:
        check_level(level)
    if "q4_k_m" in levels and not gguf_can_answer():
        raise UsageProblem(
            "The GGUF level `q4_k_m` needs `llama-cpp-python`, which is not installed.",
            fix=(Command("pip install 'tunelock[gguf]'"), Answer("results.gguf", ("q8_0",))),
        )


def _unlisted(report: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [
        {
            "what": f"GGUF {level}",
            "path": file["path"],
            "digest": file["tensors_sha256"],
            "size": file["size_bytes"],
        }
        for level, file in report.get("gguf", {}).items()
    ]


def _sends(lock: Lock, stage: Stage) -> frozenset[str]:
    return frozenset(f"{lock.intent.name}-{level}.gguf" for level in stage.settings["levels"])


KIND = RunKind(
    Converted,
    reads_base_untrained=True,
    check=_check,
    unlisted=_unlisted,
    sends=_sends,
)
