"""The start stays quick. On busy cores single figures move; medians of pairs move less."""

import pytest

from tests.tui.commands import speed


@pytest.mark.slow
def test_help_takes_little_more_than_importing_click() -> None:
    assert speed.help_text().ratio <= 1.5


@pytest.mark.slow
def test_the_wizard_paints_nearly_as_soon_as_an_empty_app() -> None:
    assert speed.wizard().ratio <= 1.5
