"""Events survive a writer that was killed in the middle of a line."""

from pathlib import Path

import pytest

from runner.runs.events import Writer, read


def test_numbers_go_on_after_a_torn_tail(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    with Writer(path, clock=lambda: 1.5) as writer:
        writer.append("train", "started", {})
        writer.append("train", "step", {"loss": 2.0, "text": "x" * 200_000})
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"loss": 1.0, "seq')
    assert [event.seq for event in read(path)[0]] == [0, 1]
    with Writer(path) as writer:
        assert writer.append("train", "done", {}).seq == 2
    assert path.read_bytes().startswith(whole)
    assert [event.kind for event in read(path)[0]] == ["started", "step", "done"]


def test_a_lone_torn_line_is_cut(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_bytes(b'{"seq": 0, "ti')
    with Writer(path) as writer:
        assert writer.append("train", "started", {}).seq == 0
    assert len(path.read_bytes().splitlines()) == 1


def test_a_reader_goes_on_from_its_offset(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    assert read(path) == ([], 0)
    with Writer(path) as writer:
        writer.append("train", "started", {})
        first, offset = read(path)
        assert read(path, offset=offset) == ([], offset)
        writer.append("train", "step", {"loss": 0.5})
        second, _ = read(path, offset=offset)
    assert [event.kind for event in first + second] == ["started", "step"]
    assert second[0].fields == {"loss": 0.5}


def test_an_unknown_kind_is_refused(tmp_path: Path) -> None:
    with (
        Writer(tmp_path / "events.jsonl") as writer,
        pytest.raises(ValueError, match="is not a kind of event"),
    ):
        writer.append("train", "shouted", {})
