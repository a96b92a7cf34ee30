"""Whole screens, cell for cell. `UPDATE_SCREENS=1` writes them anew, to be read in the diff."""

import os
from pathlib import Path

import pytest

from tests.few import few
from tests.tui.wizard.pilot import painted, until_text
from tests.tui.wizard.samples import answered, lay_out
from tui.session.draft import fresh, passing
from tui.wizard.shell import Wizard

DEFAULT = ("goal", "findings", "x-ray")
"""The screens that are drawn by default; the first and the last are like the goal's."""
_SCREENS = Path(__file__).parent / "screens"
_CLOSER = "Show findings"
_TO_FINDINGS = "up up enter"
_UPDATE = "UPDATE_SCREENS" in os.environ


@pytest.mark.parametrize(
    ("name", "columns", "rows", "step", "keys"),
    few(
        [
            ("first", 80, 24, "goal", {"": "Because:"}),
            ("goal", 120, 40, "goal", {"": "750 good examples"}),
            ("data", 80, 24, "data", {"": _CLOSER}),
            ("findings", 80, 24, "data", {"": _CLOSER, _TO_FINDINGS: "Fix: remove"}),
            ("x-ray", 80, 24, "data", {"": _CLOSER, "x": "SCORED"}),
            ("model", 120, 40, "model", {"": "Template"}),
        ],
        lambda case: case[0] in DEFAULT,
    ),
)
async def test_a_screen_is_drawn_as_it_was(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    columns: int,
    rows: int,
    step: str,
    keys: dict[str, str],
) -> None:
    monkeypatch.setenv("SSH_CONNECTION", "192.0.2.1 50000 192.0.2.2 22")
    draft = fresh() if name == "first" else answered()
    while draft.current != step:
        draft = passing(draft)
    monkeypatch.chdir(lay_out(tmp_path))
    app = Wizard(Path(), "run.toml", draft, None)
    async with app.run_test(size=(columns, rows)) as run:
        for pressed, seen in keys.items():
            await run.press(*pressed.split())
            await until_text(run, seen)
        await run.pause()
        screen = painted(app) + "\n"
    kept = _SCREENS / f"{name}-{columns}x{rows}.txt"
    if _UPDATE:
        kept.write_text(screen)
    assert screen == kept.read_text()
