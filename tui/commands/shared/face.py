"""`tunelock` without a command: the wizard, or plain prompts if the terminal cannot draw it."""

import os
import sys
from pathlib import Path

from tui.terminal import output


def begin(*, plain: bool) -> None:
    """Ask the questions in the current folder, and start the run if that was chosen.

    Raises UsageProblem without a terminal.
    """
    folder = Path.cwd()
    if plain or not _draws():
        from tui.prompts.interview import interview

        result = interview(folder)
    else:
        output.note("tunelock …")
        from tui.wizard.app import run_wizard

        result = run_wizard(folder)
        if result.kind == "left":
            output.note("left; your answers are saved. To continue: tunelock")
    if result.kind == "start" and result.run_lock is not None:
        from runner.supervisor.supervise import Order
        from tui.commands.shared import start
        from tui.follow.follow import face_for

        order = Order(result.run_lock.absolute(), (folder / "runs").absolute())
        raise SystemExit(start.detached(order, face_for(plain=plain, as_json=False)))
    if result.kind == "written":
        output.note(f"wrote {result.run_toml} and {result.run_lock}; start with: tunelock run")


def _draws() -> bool:
    terminal = sys.stdin.isatty() and sys.stdout.isatty()
    dumb = os.environ.get("TERM", "dumb") == "dumb" or os.environ.get("ACCESSIBLE", "0") != "0"
    return terminal and not dumb
