"""Draws the README's picture.

`python -m tests.tui.wizard.picture` writes `tests/tui/wizard/wizard.svg`.
"""

import asyncio
import os
import re
import tempfile
from pathlib import Path

from planner.machines.facts import MachineFacts
from tests.tui.wizard.pilot import until_text
from tests.tui.wizard.samples import answered, lay_out
from tui.session.draft import passing
from tui.wizard.shell import Wizard

PICTURE = Path(__file__).parent / "wizard.svg"
_MACHINE = MachineFacts(
    kind="cpu",
    gpus=(),
    cpu_cores=8,
    ram_bytes=34_359_738_368,
    ram_free_bytes=30_064_771_072,
    disk_free_bytes=412_316_860_416,
    driver="",
)


async def draw(folder: Path) -> str:
    """Return the wizard's Machine step for the demo's answers, as an SVG picture."""
    os.chdir(lay_out(folder))
    _MACHINE.save(folder / "machine.json")
    draft = answered(machine__facts="machine.json")
    while draft.current != "machine":
        draft = passing(draft)
    app = Wizard(Path(), "run.toml", draft, None)
    async with app.run_test(size=(80, 24)) as run:
        await until_text(run, "tokens:")
        await run.pause()
        return app.export_screenshot(title="tunelock")


def words(picture: str) -> list[str]:
    """Return the text of a picture, without what differs between two drawings."""
    return re.findall(r">([^<>]*\w[^<>]*)</text>", picture)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        PICTURE.write_text(asyncio.run(draw(Path(scratch))), "utf-8")
