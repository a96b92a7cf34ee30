"""The interview as plain prompts, from the first question to both files, like the wizard."""

from dataclasses import replace
from pathlib import Path

from lockfiles import lock as locks
from lockfiles.errors import TunelockError
from planner.interview.questions import BY_KEY
from planner.questions.question import Question
from tui.prompts.ask import ask
from tui.session import store
from tui.session.draft import STEPS
from tui.session.facts import Facts
from tui.session.pages import finish
from tui.session.pages import step as pages
from tui.session.panels import goal
from tui.session.result import WizardResult
from tui.session.steps import ALL, LABELLED, Step, problems, to_confirm, verdict
from tui.terminal import output
from tui.terminal.heartbeat import Progress
from tui.terminal.wrap import all_folded
from tui.text import plan

_OVERRIDE = BY_KEY["goal.override"]
_ASKED = STEPS[:-1]
"""The steps that have questions, which is all but the review."""
_CONFIRM = Question(
    "data.labels", "data", "boolean", "Read the rows as a classification?",
    "The rows have a text and its label. The model gets an instruction and replies with the label.",
    True,
)  # fmt: skip
_SHOWN = ("data", "model", "machine")
"""Steps that end by showing facts."""
_WELCOME = (
    "These questions create `run.toml` (what you want) and `run.lock` (the complete plan) in "
    f"{len(_ASKED)} steps: {', '.join(step.capitalize() for step in _ASKED)}.",
    "Training starts only with `tunelock run`. Press Enter to accept the answer shown. "
    "Press Ctrl-C to leave; your answers are saved.",
)


def interview(folder: Path, *, out: str = "run.toml") -> WizardResult:
    """Ask every question at the prompt, and write `out` and its lock to `folder`.

    Starts from the answers of an earlier session, or of an existing `out`. If the checklist
    advises against fine-tuning, shows and writes the advice, and continues only with a reason.
    Raises UsageProblem without a terminal, Interrupted at Ctrl-C, and as planning does; the
    answers are saved then.
    """
    store.check_writable(folder)
    return _Interview(folder, out).run()


class _Interview:
    """One session of questions."""

    def __init__(self, folder: Path, out: str) -> None:
        self.folder, self.out, self.facts = folder, out, Facts(folder)
        self.draft = store.restore(folder, out) or store.first_draft(folder, out)

    def run(self) -> WizardResult:
        """Ask step by step and write the files."""
        output.notes(all_folded(_WELCOME))
        if self.draft.touched:
            output.note("Starting from your earlier answers.")
        try:
            for number, key in enumerate(_ASKED, start=1):
                output.notes(["", f"== Step {number} of {len(_ASKED)}: {key.capitalize()} =="])
                self._step(ALL[key])
                if key in ("goal", "data") and not self._continues(show=key == "data"):
                    output.note(
                        "Wrote `advice.md` with what to do instead. Your answers are saved."
                    )
                    return finish.leave(self.draft, self.facts, self.out)
            return self._written()
        except TunelockError:
            store.keep(self.draft, self.folder, self.out)
            raise

    def _step(self, step: Step) -> None:
        """Ask one step's questions until its answers are valid."""
        questions = [question for question in step.questions if question is not _OVERRIDE]
        while True:
            values = ask(questions, self.draft.values, folder=self.folder)
            self.draft = replace(self.draft, values=values)
            if step.key == "goal":
                return
            output.notes(["", "Reading ..."])
            if step.key == "data":
                self._look()
                values = self._confirmed(values)
            found = [one for one in problems(step, values, self.facts) if one.key]
            if not found:
                break
            output.notes(all_folded(f"! {one.sentence}" for one in found))
            output.note("Please answer this step again; press Enter to keep an answer.")
        if step.key in _SHOWN:
            draft = replace(self.draft, current=step.key)
            *_, read = pages.of_step(draft, self.facts, self.out).facts()
            output.notes(all_folded(read.split("\n")))

    def _confirmed(self, values: dict[str, object]) -> dict[str, object]:
        """Ask whether rows that seem to be a classification are one, and return the answers."""
        try:
            sentence = to_confirm(values, self.facts)
        except TunelockError:  # the step's check shows it
            return values
        if not sentence:
            return values
        found = self.facts.labelled(values)
        output.notes(all_folded((sentence, f"Instruction: {found.system}" if found else "")))
        if ask([_CONFIRM], {}, folder=self.folder)[_CONFIRM.key]:
            values = {**values, "data.format": LABELLED}
            self.draft = replace(self.draft, values=values)
            self._look()
        return values

    def _look(self) -> None:
        """Check the data, if that has not been done for these answers."""
        from tui.session.children.report import look

        reports = self.facts.reports
        if request := reports.wanted(self.draft.values):
            with Progress("reading rows") as progress:
                reports.take(request, look(request, lambda rows: progress.update(f"{rows:,} rows")))

    def _continues(self, *, show: bool) -> bool:
        """Show the verdict once it is due; if against fine-tuning, return whether a reason came."""
        values = self.draft.values
        decision, counted = verdict(values, self.facts)
        override = str(values[_OVERRIDE.key])
        if show or not (decision.tunes or override):
            text = goal.render(decision, counted=counted, override=override)
            output.notes(["", *all_folded(text.split("\n"))])
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
