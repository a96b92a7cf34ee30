"""Whole screens, cell for cell. `UPDATE_SCREENS=1` writes them anew, to be read in the diff."""

import os
from pathlib import Path

import pytest

from tests.tui.wizard_pilot import painted, until_text
from tests.tui.wizard_samples import answered, lay_out
from tui.wizard.draft import fresh, passing
from tui.wizard.shell import Wizard

_SCREENS = Path(__file__).parent / "wizard_screens"
_UPDATE = "UPDATE_SCREENS" in os.environ


@pytest.mark.parametrize(
    ("name", "columns", "rows", "seen"),
    [
        ("first", 80, 24, "Because:"),
        ("goal", 120, 40, "750 good examples"),
        ("data", 80, 24, "Look closer at what was found"),
        ("model", 120, 40, "Template"),
    ],
)
async def test_a_screen_is_drawn_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, columns: int, rows: int, seen: str
) -> None:
    monkeypatch.setenv("SSH_CONNECTION", "192.0.2.1 50000 192.0.2.2 22")
    draft = fresh() if name == "first" else answered()
    while name in ("data", "model") and draft.current != name:
        draft = passing(draft)
    monkeypatch.chdir(lay_out(tmp_path))
    app = Wizard(Path(), "run.toml", draft, None)
    async with app.run_test(size=(columns, rows)) as run:
        await until_text(run, seen)
        await run.pause()
        screen = painted(app) + "\n"
    kept = _SCREENS / f"{name}-{columns}x{rows}.txt"
    if _UPDATE:
        kept.write_text(screen)
    assert screen == kept.read_text()
