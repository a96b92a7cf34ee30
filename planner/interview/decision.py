"""Whether to fine-tune at all: the checklist for and against, and the verdict it leads to."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Verdict = Literal["prompt-engineering", "rag", "fine-tuning", "fine-tuning-and-rag"]

ENOUGH_EXAMPLES = 500
"""Recommended number of good examples."""
TOO_FEW_EXAMPLES = 100
"""With fewer examples, the verdict is against fine-tuning."""


@dataclass(frozen=True)
class Decision:
    """What to do, why, and what it will cost."""

    verdict: Verdict
    """The approach that the answers lead to."""
    reasons: tuple[str, ...]
    """The points of the checklist that led to the verdict, a sentence each."""
    against: tuple[str, ...]
    """The points that speak against the verdict, a sentence each."""
    cost: str
    """The cost of the approach relative to the other three."""
    time: str
    """How long it takes to set up."""
    maintenance: str
    """The effort of maintaining it."""
    advice: str
    """What to do next, in one or two sentences."""

    @property
    def tunes(self) -> bool:
        """True where the verdict is to fine-tune, with or without RAG."""
        return self.verdict in ("fine-tuning", "fine-tuning-and-rag")


_NEEDS = (
    ("goal.prompting", "falls-short", "Prompting does not achieve the required format or style."),
    (
        "goal.consistent_behaviour",
        True,
        "Behavior must be more consistent than prompting can guarantee.",
    ),
    ("goal.repetitive_task", True, "The task is repetitive and well defined."),
    ("goal.shorter_prompts", True, "Shorter prompts are needed to save tokens."),
    ("goal.domain_terms", True, "Domain-specific terms or reasoning are required."),
)
_COSTLY = (("goal.retrieval_too_costly", True, "Retrieval adds too much latency or cost."),)
_WORKS = (("goal.prompting", "works", "Prompting already works well enough."),)
_KNOWLEDGE = (
    (
        "goal.knowledge_changes",
        True,
        "The knowledge changes often, faster than retraining.",
    ),
    ("goal.external_information", True, "The model needs information from outside."),
)
_COSTS: Mapping[Verdict, tuple[str, str, str]] = {
    "prompt-engineering": ("lowest", "minutes", "low"),
    "rag": ("medium", "hours", "medium (index updates)"),
    "fine-tuning": ("high", "hours to days", "high (retraining)"),
    "fine-tuning-and-rag": ("highest", "days", "highest"),
}
_ADVICE: Mapping[Verdict, str] = {
    "prompt-engineering": "Don't fine-tune yet: put instructions and a few examples into the "
    "prompt, and measure that on held-out examples first.",
    "rag": "Don't fine-tune: supply the facts at inference time through retrieval (RAG) or a tool "
    "call.",
    "fine-tuning": "Fine-tune, and compare the result with the base model on held-out examples.",
    "fine-tuning-and-rag": "Fine-tune for behavior, and supply the facts at inference time through "
    "retrieval (RAG) or a tool call.",
}


def decide(answers: Mapping[str, object], examples: int) -> Decision:
    """Return the verdict on the `goal.` answers and a count of training examples.

    Fine-tuning requires a reason and at least 100 examples that are not of poor quality, and is
    never the verdict where prompting works. Changing knowledge or external information calls for
    RAG; costly retrieval is then not a reason to put the knowledge into the weights.
    """
    needs, costly = _lines(answers, _NEEDS), _lines(answers, _COSTLY)
    works, knowledge = _lines(answers, _WORKS), _lines(answers, _KNOWLEDGE)
    unfit, short, enough = _examples(answers, examples)
    tunable = not works and not unfit and bool(needs or (costly and not knowledge))
    if tunable:
        verdict: Verdict = "fine-tuning-and-rag" if knowledge else "fine-tuning"
        # With RAG, costly retrieval speaks against the verdict; without it, for fine-tuning.
        reasons = (*needs, *(() if knowledge else costly), *enough, *knowledge)
        against = (*short, *(costly if knowledge else ()))
    else:
        verdict = "rag" if knowledge else "prompt-engineering"
        reasons = (*works, *knowledge, *unfit, *_nothing(needs, costly, works, knowledge, unfit))
        against = (*needs, *costly, *enough)
    cost, time, maintenance = _COSTS[verdict]
    return Decision(verdict, reasons, against, cost, time, maintenance, _ADVICE[verdict])


def _lines(
    answers: Mapping[str, object], table: tuple[tuple[str, object, str], ...]
) -> tuple[str, ...]:
    return tuple(sentence for key, value, sentence in table if answers[key] == value)


def _nothing(*lines: tuple[str, ...]) -> tuple[str, ...]:
    if any(lines):
        return ()
    return ("Prompting has not been tried, and nothing on the checklist calls for fine-tuning.",)


def _examples(
    answers: Mapping[str, object], examples: int
) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """Return what rules out fine-tuning, what speaks against it, and what speaks for it."""
    quality = answers["goal.examples_quality"]
    unfit, short = [], []
    if examples < TOO_FEW_EXAMPLES:
        unfit.append(f"{examples} examples are too few: at least {TOO_FEW_EXAMPLES} are needed.")
    elif examples < ENOUGH_EXAMPLES:
        short.append(f"{examples} examples are fewer than the recommended {ENOUGH_EXAMPLES}.")
    if quality == "poor":
        unfit.append("The examples are of poor quality, and the model would learn their flaws.")
    elif quality == "mixed":
        short.append("The examples are of mixed quality, and the model would learn their flaws.")
    if unfit or short:
        return tuple(unfit), tuple(short), ()
    return (), (), (f"{examples:,} good examples meet the recommended {ENOUGH_EXAMPLES}.",)
