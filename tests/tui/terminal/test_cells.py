"""Lines folded by cells: every string ends, and no character of it is lost."""

import pytest
from rich.cells import cell_len

from lockfiles.harmless import escaped
from tests.trust.hostile import strings
from tui.terminal.cells import folded
from tui.terminal.words import fitting


@pytest.mark.parametrize("cells", [1, 2, 3, 20])
def test_every_string_is_folded_to_its_end(cells: int) -> None:
    marks = [
        "\u0301" * 50,
        "日本" * 20,
        "a\u0301\u0301\u0301\u0301日",
        "\u200d👩\u200d👩",
        "\u0301a" * 9,
    ]
    for text in [*marks, *(escaped(one) for one in strings(99))]:
        pieces = list(folded(text, cells))
        assert "".join(pieces) == text
        assert all(cell_len(piece) <= max(2, cells) for piece in pieces), pieces
        assert cell_len(fitting(text, cells)) <= max(2, cells)
