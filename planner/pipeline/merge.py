"""Merge: of an adapter, where `results.merge` asks for it."""

from collections.abc import Mapping
from typing import Any

from lockfiles.fixes import Answer
from planner.pipeline.kind import PlannedKind, Settings, Sizes, Wanted
from planner.questions.method import ADAPTER
from planner.questions.question import Question

_STORED_BYTES = {"F64": 8, "F32": 4, "BF16": 2, "F16": 2}

QUESTIONS = (
    Question(
        "results.merge",
        "results",
        "boolean",
        "Merge the adapter into the model?",
        "Makes one model folder that can be served without the adapter. GGUF files need it.",
        True,
        applies=ADAPTER,
    ),
)


def _settings(wanted: Wanted) -> list[Settings]:
    return [{}] if wanted.adapter and wanted.answers.flag("results.merge") else []


def _disk_bytes(sizes: Sizes, settings: Mapping[str, Any]) -> int:
    return sizes.parameters * _STORED_BYTES.get(sizes.dtype, 2)


KIND = PlannedKind(
    "a model folder without an adapter",
    questions=QUESTIONS,
    skip=Answer("results.merge", False),
    settings=_settings,
    disk_bytes=_disk_bytes,
)
