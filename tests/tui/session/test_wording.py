"""Hints about `run.toml`, told inside the wizard by the questions' titles."""

import pytest

from planner.data.reading.formats import MAP_HINT
from tui.session.wording import by_title


@pytest.mark.parametrize(
    ("hint", "wanted"),
    [
        (
            "add rows, or write `evaluate = false` under `[results]` in `run.toml`",
            "add rows, or answer `Compare base and tuned model?` with `no` (step Results)",
        ),
        (
            'write `device = "auto"` under `[machine]` in `run.toml`',
            "answer `Where to train` with `auto` (step Machine)",
        ),
        (
            'write `train = "..."` under `[data]` in `run.toml`',
            "answer `Training examples` (step Data)",
        ),
        (
            'in run.toml: [data] format = "columns", prompt_column = "…"',
            "answer `Format of the rows` with `columns` (step Data), "
            "answer `Column of the prompt` (step Data)",
        ),
        (
            MAP_HINT,
            "answer `Format of the rows` with `columns` (step Data), "
            "answer `Column of the prompt` (step Data), "
            "answer `Column of the answer` (step Data)",
        ),
        (
            "raise `train.max_length` in `run.toml`",
            "raise `Longest example in tokens` (step Method)",
        ),
        ("write `x = 1` under `[y]` in `run.toml`", "write `x = 1` under `[y]` in `run.toml`"),
        ("ls `rows/train.jsonl` and `a.jsonl`", "ls `rows/train.jsonl` and `a.jsonl`"),
    ],
)
def test_a_line_of_run_toml_is_its_question(hint: str, wanted: str) -> None:
    assert by_title(hint) == wanted
