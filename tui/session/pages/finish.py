"""How a session ends: write both files, or save the answers, and write the advice if it is due."""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from planner.interview.answers import check, given
from tui.session import store
from tui.session.draft import Draft
from tui.session.facts import Facts
from tui.session.result import WizardResult
from tui.session.steps import ALL, verdict

__all__ = ["advice", "advised", "leave", "verdict", "write"]


def write(
    values: Mapping[str, object], facts: Facts, out: str, kind: Literal["written", "start"]
) -> WizardResult:
    """Write the intent and the lock that is planned from it, both or neither.

    Raises a TunelockError if something is missing, refused or does not fit.
    """
    from lockfiles import intent, lock

    intent_path = facts.folder / out
    lock_path = intent_path.with_suffix(".lock")
    answers = check(values, {})
    texts = {
        intent_path: intent.write(given(answers)),
        lock_path: lock.write(facts.lock(values, again=True)),
    }
    store.put(texts | advice(values, facts))
    store.forget(facts.folder, out)
    return WizardResult(kind, intent_path, lock_path)


def leave(draft: Draft, facts: Facts, out: str) -> WizardResult:
    """Save the answers, if there are any, and write the advice if it is due."""
    store.keep(draft, facts.folder, out)
    questions = (question for question in ALL["goal"].questions if question.key != "goal.name")
    if "goal" in draft.passed or any(draft.values[q.key] != q.default for q in questions):
        return advised(draft.values, facts, read=False)
    return WizardResult("left")


def advised(values: Mapping[str, object], facts: Facts, *, read: bool = True) -> WizardResult:
    """Write the advice if it is due, when the user leaves."""
    store.put(advice(values, facts, read=read))
    return WizardResult("left")


def advice(values: Mapping[str, object], facts: Facts, *, read: bool = True) -> dict[Path, str]:
    """Return `advice.md` and its text if the verdict is against fine-tuning.

    Without `read` the verdict uses the number of rows counted before.
    """
    from tui.session.panels import goal

    decision, _ = verdict(values, facts, read=read)
    if decision.tunes:
        return {}
    return {facts.folder / "advice.md": goal.advice(decision, str(values["goal.name"]))}
