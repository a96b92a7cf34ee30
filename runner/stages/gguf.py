"""GGUF: one file per quantization level of the tuned model, and its answers to held-out rows."""

import shutil
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from planner.data.tokens.example import COMPLETION
from runner.environments.packages import gguf_can_answer
from runner.export.gguf.convert import convert
from runner.export.gguf.native import sample
from runner.inputs import verify
from runner.inputs.view import View
from runner.stages import artifacts
from runner.stages.context import Context
from runner.stages.made import left
from runner.stages.rows import picked, prepared, shown, wanted

SPARE_TOKENS = 8
"""Tokens by which an answer may be longer than the expected one."""


def run(given: Context) -> dict[str, Any]:
    """Write `NAME-LEVEL.gguf` for each level of the lock, each renamed into place when complete."""
    _sweep(given.work)
    with _source(given) as model:
        return _written(given, model.folder)


def _sweep(work: Path) -> None:
    """Remove the incomplete file of a killed process (`export.gguf.convert`)."""
    for old in work.glob(".*.gguf.*"):
        shutil.rmtree(old)


def _source(given: Context) -> AbstractContextManager[View]:
    """Return a view of the merged model, of the fully trained one, or else of the base."""
    for kind in ("merge", "train"):
        if given.inputs(kind):
            return left(given, kind)
    return verify.model_of(given.lock, given.model, given.work)


def _written(given: Context, model: Path) -> dict[str, Any]:
    levels = given.settings["levels"]
    made: dict[str, dict[str, Any]] = {}
    listed: list[dict[str, Any]] = []
    for number, level in enumerate(levels):
        given.line.send(
            "progress", what=f"writing {level}", done=number, total=len(levels), unit="files"
        )
        path = given.work / f"{given.lock.intent.name}-{level}.gguf"
        facts = convert(model, path, level)
        if facts.fallbacks:
            given.line.send("warning", text=_fallback(level, facts.fallbacks))
        listed.append(artifacts.made(given, f"GGUF {level}", path.name, facts.tensors_sha256))
        made[level] = {
            "path": listed[-1]["path"],
            "size_bytes": facts.size_bytes,
            "tensors_sha256": facts.tensors_sha256,
            "tensor_types": dict(facts.tensor_types),
        }
    return {"artifacts": listed, "gguf": made, "samples": _answers(given, levels)}


def _answers(given: Context, levels: list[str]) -> list[dict[str, str]]:
    """Generate answers with the last file, the smallest, the way a chat program would."""
    rows = shown(given) if given.settings["samples"] else []
    if not rows:
        return []
    if not gguf_can_answer():
        given.line.send(
            "warning",
            text="the GGUF file was not tested: `llama-cpp-python` is not installed; "
            "install it with pip install 'tunelock[gguf]'",
        )
        return []
    encoded = picked(prepared(given, given.settings["rows"]), len(rows))
    longest = max(len(wanted(row[COMPLETION])) for row in encoded)
    path = given.work / f"{given.lock.intent.name}-{levels[-1]}.gguf"
    generated = sample(
        path, [row[:-1] for row in rows], longest + SPARE_TOKENS, given.lock.model.context_tokens
    )
    answers = []
    for row, answer in zip(rows, generated, strict=True):
        fields = {
            "source": levels[-1],
            "prompt": row[-2]["content"] if len(row) > 1 else "",
            "answer": answer.strip(),
            "wanted": row[-1]["content"].strip(),
        }
        given.line.send("sample", **fields)
        answers.append(fields)
    return answers


def _fallback(level: str, names: tuple[str, ...]) -> str:
    return (
        f"{len(names)} tensors have a row size that {level} does not support; "
        "they were stored with more bits: "
        f"{', '.join(names[: verify.SHOWN])}"
    )
