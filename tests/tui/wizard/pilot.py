"""The wizard without a terminal: its screen as text, and waiting for what it shows."""

import time
from collections.abc import Callable

from textual.pilot import Pilot

from tui.session.result import WizardResult
from tui.wizard.shell import Wizard

Run = Pilot[WizardResult]
SECONDS = 20.0
"""How long the screen may take to show what it must."""


def painted(app: Wizard) -> str:
    """Return what is on the screen as text."""
    strips = app.screen._compositor.render_strips()
    return "\n".join("".join(segment.text for segment in strip).rstrip() for strip in strips)


async def until(run: Run, seen: Callable[[str], bool]) -> str:
    """Return the screen once it shows something."""
    app, end = run.app, time.monotonic() + SECONDS
    assert isinstance(app, Wizard)
    while not seen(screen := painted(app)):
        assert time.monotonic() < end, screen
        await run.pause(0.02)
    return screen


async def until_text(run: Run, text: str) -> str:
    return await until(run, lambda screen: text in screen)
