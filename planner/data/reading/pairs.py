"""Rows of one exchange: which of their columns are the prompt and the answer."""

from collections.abc import Mapping
from typing import Any

from planner.data.reading.names import plain

_STANDARD = ("prompt", "completion")
_PROMPTS = frozenset(
    ["prompt", "question", "query", "instruction", "input", "problem", "user", "human"]
)
"""Names of prompt columns in TRL, LLaMA-Factory, ms-swift, Unsloth and common datasets."""
_ANSWERS = frozenset(
    ["completion", "answer", "response", "output", "solution", "assistant", "reply"]
)


def pair_of(values: Mapping[str, Any]) -> tuple[str, str] | None:
    """Return the columns of the prompt and the answer; None if there is no single such pair."""
    if all(name in values for name in _STANDARD):
        return _STANDARD
    prompts = [name for name in values if plain(name) in _PROMPTS]
    answers = [name for name in values if plain(name) in _ANSWERS]
    return (prompts[0], answers[0]) if len(prompts) == len(answers) == 1 else None


def alpaca_of(values: Mapping[str, Any]) -> str | None:
    """Return the answer column of a row with an `instruction`; None if the row is not Alpaca's.

    With an `input`, the answer may have another name than `output`.
    """
    if "instruction" not in values:
        return None
    if "output" in values:
        return "output"
    answers = [name for name in values if plain(name) in _ANSWERS]
    return answers[0] if "input" in values and len(answers) == 1 else None
