"""The verdict on whether to fine-tune, and why."""

from lockfiles.harmless import escaped, joined, paragraphs
from planner.interview.decision import ENOUGH_EXAMPLES, Decision

_NAMES = {
    "prompt-engineering": "do not fine-tune; engineer the prompt",
    "rag": "do not fine-tune; use retrieval (RAG)",
    "fine-tuning": "fine-tune",
    "fine-tuning-and-rag": "fine-tune, and use retrieval (RAG)",
}


def text(decision: Decision, *, counted: bool, override: str) -> str:
    """Return the verdict first, then advice, reasons, what speaks against it, and costs.

    `counted` is False while the number of examples is assumed.
    """
    lines = [f"Verdict: {_NAMES[decision.verdict]}.", decision.advice]
    if not decision.tunes:
        lines.append(
            f"You go on because: {override}"
            if override
            else "To go on all the same, say why in the last question below."
        )
    lines += ["Because:", *(f"  + {reason}" for reason in decision.reasons)]
    if decision.against:
        lines += ["Against it:", *(f"  - {reason}" for reason in decision.against)]
    lines.append(f"Cost {decision.cost} · works in {decision.time} · upkeep {decision.maintenance}")
    if not counted:
        lines.append(f"({ENOUGH_EXAMPLES} examples are assumed until the Data step counts them.)")
    return joined(lines)


def advice(decision: Decision, name: str) -> str:
    """Return `advice.md`: what to do in place of fine-tuning."""
    text = paragraphs(
        escaped(f"# {name}: {_NAMES[decision.verdict]}"),
        decision.advice,
        "Because:",
        joined(f"- {reason}" for reason in decision.reasons),
        "What speaks for fine-tuning:",
        joined(f"- {reason}" for reason in decision.against) or "- nothing",
        f"Cost: {decision.cost}. Works in: {decision.time}. Upkeep: {decision.maintenance}.",
    )
    return text + "\n"
