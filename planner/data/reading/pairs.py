"""Rows of one exchange: which of their columns are the prompt and the answer."""

from collections.abc import Mapping
from typing import Any

from planner.data.reading.calls import are_calls
from planner.data.reading.names import plain
from planner.data.reading.packed import CONVERSATIONS, OTHERS

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
    answers = [name for name in values if plain(name) in _ANSWERS or _is_called(name, values)]
    return (prompts[0], answers[0]) if len(prompts) == len(answers) == 1 else None


def may_be_pair(values: Mapping[str, Any]) -> bool:
    """Return whether two columns may be a prompt and an answer, whatever their names are.

    Text in a column named like one of turns has both sides of a conversation, and a list or an
    object has parts that no column maps.
    """
    texts = [name for name, value in values.items() if isinstance(value, str)]
    packed = any(plain(name) in (*CONVERSATIONS, *OTHERS) for name in texts)
    nested = any(isinstance(value, list | dict) and value for value in values.values())
    return len(texts) > 1 and not packed and not nested


def _is_called(name: str, values: Mapping[str, Any]) -> bool:
    """Return whether a column has calls as the answers of a row (xLAM)."""
    return plain(name) == "answers" and are_calls(values[name])


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
