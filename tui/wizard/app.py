"""The wizard's one entry. Importing this module imports no Textual."""

import gc
from pathlib import Path

from lockfiles.errors import TunelockError
from planner.interview.answers import check
from planner.interview.questions import QUESTIONS
from tui import output
from tui.wizard import store
from tui.wizard.draft import Draft, fresh
from tui.wizard.result import WizardResult

_NEEDED = {question.key for question in QUESTIONS if question.required and not question.default}
"""Answers that a run cannot do without; the wizard asks for those that a file lacks."""


def run_wizard(folder: Path, *, out: str = "run.toml") -> WizardResult:
    """Ask the interview on the screen and write `out` and its lock into `folder`.

    An `out` that is there already gives the answers to start from, and a draft of an earlier
    visit offers to go on. Raises UsageProblem where that file is broken or `folder` cannot be
    written.
    """
    store.check_writable(folder)
    start = first_draft(folder, out)
    kept = store.restore(folder, out)
    from tui.wizard.shell import Wizard

    wizard = Wizard(folder, out, start, kept)
    # A full collection over a large file's rows would hold the keys for up to 0.3 s.
    gc.disable()
    try:
        wizard.run(mouse=False)
    finally:
        gc.enable()
    if wizard.problem:
        raise wizard.problem
    if wizard.return_value is None:
        raise TunelockError(
            "The wizard ended by a fault of its own; the answers are kept.",
            hint="tunelock",
            details=[output.said(wizard.fault)] if wizard.fault else [],
        )
    return wizard.return_value


def first_draft(folder: Path, out: str) -> Draft:
    """Return a draft with the answers of `out`, or with none where there is no such file."""
    path = folder / out
    if not path.exists():
        return fresh()
    from lockfiles import intent

    raw = intent.read(path)
    unanswered = dict.fromkeys(_NEEDED - set(raw.values), "-")
    answers = check(unanswered | dict(raw.values), raw.lines)
    return fresh(dict(answers) | dict.fromkeys(unanswered, ""))
