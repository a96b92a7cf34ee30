"""The verdict on whether to fine-tune, with its reasons."""

from lockfiles.harmless import escaped, joined, paragraphs
from planner.interview.decision import ENOUGH_EXAMPLES, Decision

_NAMES = {
    "prompt-engineering": "do not fine-tune; use prompt engineering",
    "rag": "do not fine-tune; use retrieval (RAG)",
    "fine-tuning": "fine-tune",
    "fine-tuning-and-rag": "fine-tune, and use retrieval (RAG)",
}


def render(decision: Decision, *, counted: bool, override: str) -> str:
    """Return the verdict, advice, reasons for and against it, and costs.

    `counted` is False while the number of examples is assumed.
    """
    lines = [f"Verdict: {_NAMES[decision.verdict]}.", decision.advice]
    if not decision.tunes:
        lines.append(
            f"You continue because: {override}"
            if override
            else "To continue anyway, give a reason in the last question below."
        )
    lines += ["Because:", *(f"  + {reason}" for reason in decision.reasons)]
    if decision.against:
        lines += ["Against it:", *(f"  - {reason}" for reason in decision.against)]
    lines.append(
        f"Cost {decision.cost} · ready in {decision.time} · maintenance {decision.maintenance}"
    )
    if not counted:
        lines.append(f"(Assumes {ENOUGH_EXAMPLES} examples until the Data step counts them.)")
    return joined(lines)


def advice(decision: Decision, name: str) -> str:
    """Return the text of `advice.md`: what to do instead of fine-tuning."""
    text = paragraphs(
        escaped(f"# {name}: {_NAMES[decision.verdict]}"),
        decision.advice,
        "Because:",
        joined(f"- {reason}" for reason in decision.reasons),
        "Reasons for fine-tuning:",
        joined(f"- {reason}" for reason in decision.against) or "- none",
        f"Cost: {decision.cost}. Ready in: {decision.time}. Maintenance: {decision.maintenance}.",
    )
    return text + "\n"
