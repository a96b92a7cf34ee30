"""Whether to fine-tune at all: the checklist for and against, and the verdict it leads to."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Verdict = Literal["prompt-engineering", "rag", "fine-tuning", "fine-tuning-and-rag"]

ENOUGH_EXAMPLES = 500
"""Good examples from which fine-tuning is advised."""
TOO_FEW_EXAMPLES = 100
"""Examples below which fine-tuning is advised against."""


@dataclass(frozen=True)
class Decision:
    """What to do, why, and what it will cost."""

    verdict: Verdict
    """The approach that the answers lead to."""
    reasons: tuple[str, ...]
    """The lines of the checklist that led to the verdict, a sentence each."""
    against: tuple[str, ...]
    """The lines that speak against the verdict, a sentence each."""
    cost: str
    """How dear the approach is, beside the other three."""
    time: str
    """How long until it works."""
    maintenance: str
    """What keeping it up takes."""
    advice: str
    """What to do next, in one or two sentences."""

    @property
    def tunes(self) -> bool:
        """True where the verdict is to fine-tune, with or without RAG."""
        return self.verdict in ("fine-tuning", "fine-tuning-and-rag")


_NEEDS = (
    ("goal.prompting", "falls-short", "Prompting cannot reach the wanted format or style."),
    (
        "goal.consistent_behaviour",
        True,
        "Behaviour must be more consistent than prompts guarantee.",
    ),
    ("goal.repetitive_task", True, "The task is repetitive and well defined."),
    ("goal.shorter_prompts", True, "Shorter prompts are wanted, to use fewer tokens."),
    ("goal.domain_terms", True, "Domain terms or ways of reasoning are required."),
)
_COSTLY = (("goal.retrieval_too_costly", True, "Retrieval adds too much latency or cost."),)
_WORKS = (("goal.prompting", "works", "Prompting already works well enough."),)
_KNOWLEDGE = (
    ("goal.knowledge_changes", True, "The knowledge changes often, so retraining would chase it."),
    ("goal.external_information", True, "The model must reach information outside itself."),
)
_COSTS: Mapping[Verdict, tuple[str, str, str]] = {
    "prompt-engineering": ("lowest", "minutes", "low"),
    "rag": ("medium", "hours", "medium (index updates)"),
    "fine-tuning": ("high", "hours to days", "high (retraining)"),
    "fine-tuning-and-rag": ("highest", "days", "highest"),
}
_ADVICE: Mapping[Verdict, str] = {
    "prompt-engineering": "Don't fine-tune yet: write instructions and a few examples into the "
    "prompt, and measure them on held-out examples first.",
    "rag": "Don't fine-tune: keep the knowledge in an index or behind a tool, and give the model "
    "what it needs with each request.",
    "fine-tuning": "Fine-tune, and compare with the base model on held-out examples.",
    "fine-tuning-and-rag": "Fine-tune for the behaviour, and keep the knowledge in an index or "
    "behind a tool.",
}


def decide(answers: Mapping[str, object], examples: int) -> Decision:
    """Return the verdict on the `goal.` answers and a count of training examples.

    Fine-tuning needs a reason and at least 100 examples that are not poor, and never follows
    where prompting works. Changing knowledge or outside information asks for RAG; that
    retrieval is costly is then no reason to put the knowledge into the weights.
    """
    needs, costly = _lines(answers, _NEEDS), _lines(answers, _COSTLY)
    works, knowledge = _lines(answers, _WORKS), _lines(answers, _KNOWLEDGE)
    unfit, short, enough = _examples(answers, examples)
    tunable = not works and not unfit and bool(needs or (costly and not knowledge))
    if tunable:
        verdict: Verdict = "fine-tuning-and-rag" if knowledge else "fine-tuning"
        # Beside RAG, costly retrieval speaks against; alone, for the weights.
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
    return ("Prompting was not tried, and nothing on the checklist asks for fine-tuning.",)


def _examples(
    answers: Mapping[str, object], examples: int
) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """Return what rules fine-tuning out, what makes it doubtful, and what speaks for it."""
    quality = answers["goal.examples_quality"]
    unfit, short = [], []
    if examples < TOO_FEW_EXAMPLES:
        unfit.append(f"{examples} examples are fewer than {TOO_FEW_EXAMPLES}.")
    elif examples < ENOUGH_EXAMPLES:
        short.append(f"{examples} examples are fewer than the {ENOUGH_EXAMPLES} advised.")
    if quality == "poor":
        unfit.append("The examples are poor, and a model learns their faults.")
    elif quality == "mixed":
        short.append("The examples are of mixed quality, and a model learns their faults.")
    enough = () if unfit or short else (f"{examples} good examples are {ENOUGH_EXAMPLES} or more.",)
    return tuple(unfit), tuple(short), enough
