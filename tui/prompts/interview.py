"""The interview as plain prompts, from the first question to both files: the wizard's twin."""

from dataclasses import replace
from pathlib import Path

from lockfiles import lock as locks
from lockfiles.errors import TunelockError
from planner.interview.questions import BY_KEY
from tui.prompts.ask import ask
from tui.session import store
from tui.session.draft import STEPS
from tui.session.facts import Facts
from tui.session.pages import finish
from tui.session.pages import step as pages
from tui.session.panels import goal
from tui.session.result import WizardResult
from tui.session.steps import ALL, Step, problems, verdict
from tui.terminal import output
from tui.terminal.heartbeat import Telling
from tui.terminal.wrap import all_folded
from tui.text import plan

_OVERRIDE = BY_KEY["goal.override"]
_ASKED = STEPS[:-1]
"""The steps with questions; the review has none."""
_SHOWN = ("data", "model", "machine")
"""Steps that end with what was read."""
_WELCOME = (
    f"These questions lead to `run.toml`, what you want, and `run.lock`, the whole plan, in "
    f"{len(_ASKED)} steps: {', '.join(step.capitalize() for step in _ASKED)}.",
    "Nothing is trained before you say `tunelock run`. Enter takes the answer that is shown; "
    "Ctrl-C leaves and keeps your answers.",
)


def interview(folder: Path, *, out: str = "run.toml") -> WizardResult:
    """Ask every question at the prompt, and write `out` and its lock into `folder`.

    The answers of an earlier visit, or of an `out` that is there already, are where it starts.
    Where the checklist advises against fine-tuning it says so, writes the advice, and goes on
    only with a reason. Raises UsageProblem where nobody can answer, Interrupted at Ctrl-C, and
    whatever planning raises; the answers are kept then.
    """
    store.check_writable(folder)
    return _Interview(folder, out).whole()


class _Interview:
    """One visit: the answers so far, and where they lead."""

    def __init__(self, folder: Path, out: str) -> None:
        self.folder, self.out, self.facts = folder, out, Facts(folder)
        self.draft = store.restore(folder, out) or store.first_draft(folder, out)

    def whole(self) -> WizardResult:
        """Ask step by step and write what comes of it."""
        output.notes(all_folded(_WELCOME))
        if self.draft.touched:
            output.note("Your earlier answers are offered.")
        try:
            for number, key in enumerate(_ASKED, start=1):
                output.notes(["", f"== Step {number} of {len(_ASKED)}: {key.capitalize()} =="])
                self._step(ALL[key])
                if key in ("goal", "data") and not self._goes_on(show=key == "data"):
                    output.note("Wrote `advice.md` with what to do instead. Your answers are kept.")
                    return finish.leave(self.draft, self.facts, self.out)
            return self._written()
        except TunelockError:
            store.keep(self.draft, self.folder, self.out)
            raise

    def _step(self, step: Step) -> None:
        """Ask one step's questions, again while its answers do not hold."""
        questions = [question for question in step.questions if question is not _OVERRIDE]
        while True:
            values = ask(questions, self.draft.values, folder=self.folder)
            self.draft = replace(self.draft, values=values)
            if step.key == "goal":
                return
            output.notes(["", "Reading ..."])
            if step.key == "data":
                self._look()
            found = [one for one in problems(step, values, self.facts) if one.key]
            if not found:
                break
            output.notes(all_folded(f"! {one.sentence}" for one in found))
            output.note("The step's questions once more; Enter keeps an answer.")
        if step.key in _SHOWN:
            draft = replace(self.draft, current=step.key)
            *_, read = pages.of_step(draft, self.facts, self.out).facts()
            output.notes(all_folded(read.split("\n")))

    def _look(self) -> None:
        """Look the data through, where that was not done for these answers."""
        from tui.session.children.report import look

        reports = self.facts.reports
        if asked := reports.wanted(self.draft.values):
            with Telling("reading rows") as telling:
                reports.take(asked, look(asked, lambda seen: telling.tell(f"{seen:,} rows")))

    def _goes_on(self, *, show: bool) -> bool:
        """Say the verdict where it is due; against fine-tuning, return whether a reason came."""
        values = self.draft.values
        decision, counted = verdict(values, self.facts)
        override = str(values[_OVERRIDE.key])
        if show or not (decision.tunes or override):
            told = goal.text(decision, counted=counted, override=override)
            output.notes(["", *all_folded(told.split("\n"))])
        if decision.tunes or override:
            return True
        values = ask([_OVERRIDE], values, folder=self.folder)
        self.draft = replace(self.draft, values=values)
        return bool(values[_OVERRIDE.key])

    def _written(self) -> WizardResult:
        output.notes(["", "== The plan =="])
        result = finish.write(self.draft.values, self.facts, self.out, "written")
        assert result.run_lock is not None
        output.notes(plan.page(locks.read(result.run_lock)))
        return result
