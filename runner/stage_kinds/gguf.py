"""GGUF: for the families and levels that can be written here."""

from importlib.util import find_spec
from pathlib import PurePosixPath
from typing import Annotated, Any

from pydantic import Field, model_validator

from lockfiles.errors import UsageProblem
from lockfiles.harmless import one_line
from lockfiles.lock import Lock, Stage
from runner.environments.packages import gguf_can_answer
from runner.runs.kind import Asked, Count, Digest, Report, RunKind


class File(Report):
    """One GGUF file."""

    path: Annotated[str, Field(max_length=1024)]
    """Relative to the run folder, and inside the stage's own."""
    size_bytes: Count
    tensors_sha256: Digest
    tensor_types: dict[str, Any]

    @model_validator(mode="after")
    def _inside(self) -> "File":
        parts = PurePosixPath(self.path).parts
        if len(parts) != 3 or parts[0] != "stages" or ".." in parts or "\0" in self.path:
            raise ValueError("a file of another folder")
        return self


class Sample(Report):
    """An answer, besides the wanted one."""

    source: str
    prompt: str
    answer: str
    wanted: str


class Converted(Report):
    """What `gguf` reports."""

    gguf: Annotated[dict[str, File], Field(max_length=64)]
    """By level."""
    samples: Annotated[list[Sample], Field(max_length=1000)]


def _check(lock: Lock, stage: Stage, asked: Asked) -> None:
    """Raise UsageProblem where a package is missing, or no file of this family can be written."""
    family = lock.model.family
    if find_spec("gguf") is None:
        raise UsageProblem(
            "GGUF export needs the package `gguf`, which is not installed.",
            hint="pip install 'tunelock[gguf]'",
        )
    from runner.export.gguf.families import FAMILIES
    from runner.export.gguf.levels import check_level

    names = sorted({one.name for one in FAMILIES.values()})
    if family not in names:
        known = ", ".join(f"`{name}`" for name in names)
        raise UsageProblem(
            f"GGUF export does not know the family `{one_line(family, most=40)}` yet; it knows "
            f"{known}.",
            hint="write `gguf = []` under `[results]` in `run.toml` and plan again",
        )
    levels = stage.settings["levels"]
    if not isinstance(levels, list) or not levels:
        raise UsageProblem(
            "The stage `gguf` names no levels.", hint="plan again with `tunelock plan run.toml`"
        )
    for level in levels:
        check_level(level)
    if "q4_k_m" in levels and not gguf_can_answer():
        raise UsageProblem(
            "The GGUF level `q4_k_m` needs `llama-cpp-python`, which is not installed.",
            hint="pip install 'tunelock[gguf]', or plan `gguf = [\"q8_0\"]`",
        )


KIND = RunKind(Converted, check=_check)
