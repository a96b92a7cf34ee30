"""The record of an objective: what data, memory, speed and the search ask of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from lockfiles.objectives import NAMES

if TYPE_CHECKING:
    from planner.questions.question import Question

RowKind = Literal["conversation", "preference", "feedback", "prompt"]


def _no_settings(answers: Mapping[str, Any]) -> dict[str, object]:
    return {}


@dataclass(frozen=True, kw_only=True)
class Objective:
    """One objective; `planner/objectives/NAME.py` holds one as `OBJECTIVE`."""

    name: str
    """As a lock writes it."""
    title: str
    """What it is called in a sentence, such as `supervised fine-tuning`."""
    row_kind: RowKind
    """The kind of rows that it learns from."""
    sequences: tuple[str, ...]
    """The named token sequences of an example, each of which is a row of the model's input."""
    reference: Literal["none", "adapter-off", "second-model"]
    """What the trained model is compared with: nothing, itself without its adapter (a second
    model where all weights are trained), or always a second model."""
    head: Literal["language-model", "scalar"]
    """What the model ends in: logits over the vocabulary, or one output."""
    generates: bool = False
    """Whether the model answers prompts in training."""
    adapter_dropout: bool = True
    """Whether dropout is on in training, that of the adapter and the model's own."""
    packs: bool = False
    """Whether several examples can be joined into one row."""
    learning_rate: Mapping[str, float]
    """The usual rate by method: `lora`, `qlora` and `full`."""
    settings: Callable[[Mapping[str, Any]], dict[str, object]] = _no_settings
    """From the answers by key to what a lock's `[objective]` holds besides the name."""
    questions: "tuple[Question, ...]" = ()
    """What it asks in the interview."""
    health: Mapping[str, float]
    """By measure of a step, the multiple of its first value from which training diverges."""

    @property
    def plannable(self) -> bool:
        """Whether a lock can hold it; the others are only estimated, by `tunelock fit`."""
        return self.name in NAMES

    @property
    def pairs(self) -> bool:
        """Whether an example has several sequences, whose lengths differ."""
        return len(self.sequences) > 1

    def second_model(self, method: str) -> bool:
        """Return whether a second model is in memory where this method trains."""
        apart = self.reference == "adapter-off" and method == "full"
        return apart or self.reference == "second-model"
