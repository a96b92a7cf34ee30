"""The wizard's one entry. Importing this module imports no Textual."""

import gc
from pathlib import Path

from lockfiles.errors import TunelockError
from lockfiles.fixes import Command
from tui.session import store
from tui.session.result import WizardResult
from tui.terminal import output


def run_wizard(folder: Path, *, out: str = "run.toml") -> WizardResult:
    """Ask the interview on the screen and write `out` and its lock into `folder`.

    An `out` that is there already gives the answers to start from, and a draft of an earlier
    visit offers to go on. Raises UsageProblem where that file is broken or `folder` cannot be
    written.
    """
    store.check_writable(folder)
    start = store.first_draft(folder, out)
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
            fix=Command("tunelock"),
            details=[output.said(wizard.fault)] if wizard.fault else [],
        )
    return wizard.return_value
