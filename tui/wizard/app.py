"""The wizard's only entry point. Importing this module does not import Textual."""

import gc
from pathlib import Path

from lockfiles.errors import TunelockError
from lockfiles.fixes import Command
from tui.session import store
from tui.session.result import WizardResult
from tui.terminal import output


def run_wizard(folder: Path, *, out: str = "run.toml") -> WizardResult:
    """Ask the questions on the screen, and write `out` and its lock to `folder`.

    Starts from the answers of an existing `out`, and offers to continue a saved draft. Raises
    UsageProblem if that file is invalid or `folder` is not writable.
    """
    store.check_writable(folder)
    start = store.first_draft(folder, out)
    kept = store.restore(folder, out)
    from tui.wizard.shell import Wizard

    wizard = Wizard(folder, out, start, kept)
    # A full collection over a large file's rows would block keys for up to 0.3 s.
    gc.disable()
    try:
        wizard.run(mouse=False)
    finally:
        gc.enable()
    if wizard.problem:
        raise wizard.problem
    if wizard.return_value is None:
        raise TunelockError(
            "The wizard stopped because of an internal error; your answers are saved.",
            fix=Command("tunelock"),
            details=[output.said(wizard.fault)] if wizard.fault else [],
        )
    return wizard.return_value
