"""The decision: every line of the checklist, alone and together."""

import pytest

from planner.interview.decision import Verdict, decide
from planner.interview.questions import QUESTIONS

DEFAULTS = {question.key: question.default for question in QUESTIONS if question.table == "goal"}
FALLS_SHORT = {"goal.prompting": "falls-short"}
CHANGES = {"goal.knowledge_changes": True}
OUTSIDE = {"goal.external_information": True}


@pytest.mark.parametrize(
    ("given", "examples", "verdict", "because"),
    [
        ({}, 600, "prompt-engineering", "nothing on the checklist"),
        # for
        (FALLS_SHORT, 600, "fine-tuning", "Prompting does not achieve"),
        (FALLS_SHORT, 500, "fine-tuning", "500 good examples meet the recommended 500"),
        (FALLS_SHORT, 1200, "fine-tuning", "1,200 good examples meet the recommended 500"),
        ({"goal.retrieval_too_costly": True}, 600, "fine-tuning", "Retrieval adds too much"),
        ({"goal.consistent_behaviour": True}, 600, "fine-tuning", "more consistent"),
        ({"goal.repetitive_task": True}, 600, "fine-tuning", "repetitive and well defined"),
        ({"goal.shorter_prompts": True}, 600, "fine-tuning", "Shorter prompts"),
        ({"goal.domain_terms": True}, 600, "fine-tuning", "Domain-specific terms"),
        (FALLS_SHORT, 100, "fine-tuning", "Prompting does not achieve"),
        # against
        ({"goal.prompting": "works"}, 600, "prompt-engineering", "Prompting already works"),
        (FALLS_SHORT, 99, "prompt-engineering", "99 examples are too few: at least 100"),
        (
            FALLS_SHORT | {"goal.examples_quality": "poor"},
            600,
            "prompt-engineering",
            "are of poor quality",
        ),
        (CHANGES, 600, "rag", "knowledge changes often"),
        (OUTSIDE, 600, "rag", "information from outside"),
        # together
        (FALLS_SHORT | CHANGES, 600, "fine-tuning-and-rag", "knowledge changes often"),
        (FALLS_SHORT | OUTSIDE, 600, "fine-tuning-and-rag", "Prompting does not achieve"),
        (FALLS_SHORT | CHANGES, 20, "rag", "20 examples are too few"),
        (CHANGES | {"goal.prompting": "works"}, 600, "rag", "Prompting already works"),
        (CHANGES | {"goal.retrieval_too_costly": True}, 600, "rag", "knowledge changes often"),
    ],
)
def test_the_verdict_follows_the_checklist(
    given: dict[str, object], examples: int, verdict: Verdict, because: str
) -> None:
    decision = decide(DEFAULTS | given, examples)
    assert decision.verdict == verdict
    assert any(because in reason for reason in decision.reasons)
    assert decision.advice.startswith("Don't") is not decision.tunes


@pytest.mark.parametrize(
    ("given", "examples", "against"),
    [
        (FALLS_SHORT, 312, "312 examples are fewer than the recommended 500"),
        (FALLS_SHORT | {"goal.examples_quality": "mixed"}, 600, "mixed quality"),
        (FALLS_SHORT | CHANGES | {"goal.retrieval_too_costly": True}, 600, "Retrieval adds"),
        ({"goal.prompting": "works", "goal.shorter_prompts": True}, 600, "Shorter prompts"),
        (FALLS_SHORT, 20, "Prompting does not achieve"),
    ],
)
def test_what_speaks_against_the_verdict_is_said(
    given: dict[str, object], examples: int, against: str
) -> None:
    decision = decide(DEFAULTS | given, examples)
    assert any(against in line for line in decision.against)
    assert not set(decision.against) & set(decision.reasons)


@pytest.mark.parametrize(
    ("given", "costs"),
    [
        ({}, ("lowest", "minutes", "low")),
        (CHANGES, ("medium", "hours", "medium (index updates)")),
        (FALLS_SHORT, ("high", "hours to days", "high (retraining)")),
        (FALLS_SHORT | CHANGES, ("highest", "days", "highest")),
    ],
)
def test_each_verdict_says_what_it_costs(
    given: dict[str, object], costs: tuple[str, str, str]
) -> None:
    decision = decide(DEFAULTS | given, 600)
    assert (decision.cost, decision.time, decision.maintenance) == costs
