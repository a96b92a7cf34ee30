"""Rows of one exchange: which of their columns are the prompt and the answer."""

from collections.abc import Mapping
from typing import Any

from planner.data.reading.names import plain

_PROMPTS = frozenset(
    ["prompt", "question", "query", "instruction", "input", "problem", "user", "human"]
)
"""Names of prompt columns in TRL, LLaMA-Factory, ms-swift, Unsloth and common datasets."""
_ANSWERS = frozenset(["completion", "answer", "response", "output", "solution", "assistant"])


def pair_of(values: Mapping[str, Any]) -> tuple[str, str] | None:
    """Return the columns of the prompt and the answer; None if there is no single such pair."""
    if "prompt" in values and "completion" in values:
        return "prompt", "completion"
    prompts = [name for name in values if plain(name) in _PROMPTS]
    answers = [name for name in values if plain(name) in _ANSWERS]
    return (prompts[0], answers[0]) if len(prompts) == len(answers) == 1 else None


def alpaca_of(values: Mapping[str, Any]) -> tuple[str, str, str] | None:
    """Return the columns of the instruction, the input and the answer of an Alpaca row, also in
    another case; None if the row is not one.

    With an `input`, the answer may have another name than `output`.
    """
    if "instruction" in values and "output" in values:
        return "instruction", "input", "output"
    if "prompt" in values and "completion" in values:
        return None
    names = {plain(name): name for name in values}
    if "instruction" not in names or not ("input" in names or "output" in names):
        return None
    if "output" in names:
        return names["instruction"], names.get("input", "input"), names["output"]
    answers = [name for known, name in names.items() if known in _ANSWERS]
    return (names["instruction"], names["input"], answers[0]) if len(answers) == 1 else None
