"""The interview as plain prompts, from the first question to both files: the wizard's twin."""

from pathlib import Path

from lockfiles import lock as locks
from planner.interview.questions import BY_KEY, QUESTIONS
from tui import output, planning
from tui.prompts import ask
from tui.wizard import finish
from tui.wizard.app import WizardResult, first_draft
from tui.wizard.facts import Facts
from tui.wizard.store import check_writable

_OVERRIDE = BY_KEY["goal.override"]


def interview(folder: Path, *, out: str = "run.toml") -> WizardResult:
    """Ask every question at the prompt, and write `out` and its lock into `folder`.

    An `out` that is there already gives the answers to start from. Where the checklist advises
    against fine-tuning it says so, writes the advice, and goes on only with a reason. Raises
    UsageProblem where nobody can answer, Interrupted at Ctrl-C, and whatever planning raises.
    """
    check_writable(folder)
    start = first_draft(folder, out).values
    questions = [question for question in QUESTIONS if question is not _OVERRIDE]
    values = dict(ask(questions, start, folder=folder))
    facts = Facts(folder)
    facts.table(values, "train")
    decision, _ = finish.verdict(values, facts)
    output.note(f"\nverdict: {decision.verdict}. {' '.join(decision.reasons)} {decision.advice}")
    if not decision.tunes:
        values = dict(ask([_OVERRIDE], values, folder=folder))
        if not values[_OVERRIDE.key]:
            return finish.advised(values, facts)
    result = finish.write(values, facts, out, "written")
    assert result.run_lock is not None
    output.note("\n".join(planning.summary(locks.read(result.run_lock))))
    output.note(f"wrote {result.run_toml} and {result.run_lock}; start with `tunelock run`")
    return result
