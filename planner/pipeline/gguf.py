"""GGUF: a stage for each level of `results.gguf`: a smaller one that is added redoes none."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lockfiles import limits
from lockfiles.errors import UsageProblem
from lockfiles.fixes import Answer, Key
from planner.gguf import family
from planner.pipeline.kind import PlannedKind, Settings, Sizes, Wanted
from planner.questions.question import Between, Question

if TYPE_CHECKING:
    from planner.models.held import Held

_BITS = {"f16": 16.0, "q8_0": 8.5, "q4_k_m": 4.9}
"""Bits of a weight at each level; q4_k_m is the mean of its mixture, rounded up."""

QUESTIONS = (
    Question(
        "results.gguf",
        "results",
        "choices",
        "GGUF files for llama.cpp",
        "f16 is unquantized, q8_0 is nearly lossless, q4_k_m balances size and quality best.",
        (),
        tuple(_BITS),
    ),
    Question(  # of the last kind that shows rows: `evaluate` reads it too
        "results.samples",
        "results",
        "integer",
        "Sample answers",
        "Shows the tuned model's answers to this many held-out examples. 0 shows none.",
        3,
        validate=Between(0, limits.MOST_SAMPLES),
    ),
)
_SKIP = Answer("results.gguf", ())


def _settings(wanted: Wanted) -> list[Settings]:
    levels = list(wanted.answers.chosen("results.gguf"))
    if not levels:
        return []
    if problem := KIND.unknown_family(wanted.family):
        raise UsageProblem(problem, fix=_SKIP)
    if wanted.adapter and not wanted.answers.flag("results.merge"):
        raise UsageProblem(
            "GGUF files are made from a merged model, and ",
            Key("results.merge"),
            " is false.",
            fix=Answer("results.merge", True),
        )
    samples = wanted.answers.integer("results.samples") if wanted.held else 0
    return [{"levels": [level], "rows": wanted.held, "samples": samples} for level in levels]


def _check_base(
    model: Path, trains: bool, template: str, held: "Mapping[str, Held] | None"
) -> None:
    from planner.gguf.check import check  # the wizard imports the questions above

    check(model, trained=trains, template=template, held=held)


def _disk_bytes(sizes: Sizes, settings: Mapping[str, Any]) -> int:
    """Return the bytes of all files. A q4_k_m file is made from a temporary f16 one."""
    levels = settings["levels"]
    bits = sum(_BITS[level] for level in levels)
    scratch = _BITS["f16"] if "q4_k_m" in levels else 0.0
    return round(sizes.parameters * (bits + scratch) / 8)


def _file_bytes(sizes: Sizes) -> dict[str, int]:
    return {f"GGUF {level}": round(sizes.parameters * bits / 8) for level, bits in _BITS.items()}


KIND = PlannedKind(
    "files for llama.cpp",
    title="GGUF export",
    questions=QUESTIONS,
    skip=_SKIP,
    settings=_settings,
    untrained_tables=("packages",),
    untrained_keys=("results.gguf",),
    export=Answer("results.gguf", ("q8_0",)),
    families=family.MODEL_TYPES,
    check_base=_check_base,
    disk_bytes=_disk_bytes,
    file_bytes=_file_bytes,
)
