"""Answers the questions of the real wizard by its keys: `FOLDER CHANGES`.

The changes of the demo's answers are JSON; the wizard starts without them. Writes `run.toml` and
`run.lock` into the folder, and prints the page of each question that was changed.
"""

import asyncio
import json
import sys
from pathlib import Path

from tests.tui.wizard.drive import strokes
from tests.tui.wizard.pilot import painted, until, until_text
from tests.tui.wizard.samples import answered, lay_out
from tui.session.draft import Draft
from tui.wizard.shell import Wizard


async def main(folder: Path, start: Draft, wanted: Draft) -> None:
    """Press the keys that lead from the first answers to the wanted ones, and write the files."""
    app = Wizard(lay_out(folder), "run.toml", start, None)
    async with app.run_test(size=(80, 24)) as run:
        for stroke in strokes(wanted.values, start.values):
            await run.press(*stroke.text, *stroke.keys)
            await until(run, stroke.seen)
            print(painted(app))
        await until_text(run, "tunelock run run.lock")
        await run.press("enter")
        await until(run, lambda screen: app.return_value is not None)
    assert app.return_value is not None and app.return_value.kind == "written"


if __name__ == "__main__":
    _changes = json.loads(sys.argv[2])
    asyncio.run(main(Path(sys.argv[1]), answered(), answered(**_changes)))
