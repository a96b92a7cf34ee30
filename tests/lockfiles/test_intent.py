"""`run.toml` as a file."""

from pathlib import Path

import pytest

from lockfiles import intent, lock
from lockfiles.errors import UsageProblem


def test_values_are_flat_and_know_their_lines() -> None:
    raw = intent.parse('[data]\ntrain = "rows.jsonl"\n\n[train]\n# faster\nepochs = 2\n')
    assert raw.values == {"data.train": "rows.jsonl", "train.epochs": 2}
    assert raw.lines["train.epochs"] == 6


def test_written_in_the_wizards_order_and_read_back() -> None:
    text = intent.write({"train": {"epochs": 2}, "data": {"train": "rows.jsonl"}, "goal": {}})
    assert text == '[data]\ntrain = "rows.jsonl"\n\n[train]\nepochs = 2\n'
    assert intent.parse(text).values == {"data.train": "rows.jsonl", "train.epochs": 2}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"epochs = 2\n", "`epochs` on line 1 of"),
        (b"[train\n", "is not valid TOML"),
        (b"\xff\xfe[\x00", "is not UTF-8 text (byte 0)"),
        (b"a = " + b"[" * 100_000, "is nested too deeply"),
    ],
)
def test_a_wrong_form_is_one_sentence(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "run.toml"
    path.write_bytes(content)
    with pytest.raises(UsageProblem, match=r"^[^\n]+$") as caught:
        intent.read(path)
    assert message in caught.value.message
    assert caught.value.hint


def test_a_missing_file_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(UsageProblem, match="does not exist"):
        intent.read(tmp_path / "run.toml")


def test_a_lock_and_its_answers_are_not_confused() -> None:
    with pytest.raises(UsageProblem, match=r"`a\.lock` is a lock") as problem:
        intent.parse("version = 1\n[integrity]\ntrain = 'x'\n", name="a.lock")
    assert problem.value.hint == "run it: tunelock run a.lock"
    with pytest.raises(UsageProblem, match=r"`a\.toml` has answers; it is not a lock") as problem:
        lock.parse("[goal]\nname = 'x'\n[train]\nexact = true\n", name="a.toml")
    assert problem.value.hint == "tunelock plan a.toml"
