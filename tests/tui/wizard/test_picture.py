"""The README's picture is what the wizard draws today."""

from pathlib import Path

import pytest

from tests.tui.wizard.picture import PICTURE, draw, words


async def test_the_picture_is_current(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    drawn = await draw(tmp_path / "folder")
    kept = PICTURE.read_text("utf-8")
    assert words(drawn) == words(kept), "draw it anew: python -m tests.tui.wizard.picture"
