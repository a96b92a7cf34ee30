"""Checkpoints that a stranger left: passed over, and nothing outside of them is looked at."""

import signal
from pathlib import Path
from types import SimpleNamespace

import pytest

pytest.importorskip("trl")

from runner.runs.pipe import Line
from runner.runs.whole import earlier_peak, is_whole, mark_whole
from runner.training.callback import Watch


@pytest.fixture
def private(tmp_path: Path) -> Path:
    made = tmp_path / "private"
    made.write_bytes(b"-----BEGIN PRIVATE KEY-----")
    return made


@pytest.mark.parametrize(
    "mark",
    [
        b"", b"[]", b"null", b"{", b'{"sizes_bytes": []}', b'{"sizes_bytes": {"a": "b"}}',
        b'{"sizes_bytes": {}}', b'{"peak_bytes": 1e400, "sizes_bytes": {"a": 1}}',
        b'{"sizes_bytes": {"../private": 27}}', b"[" * 100_000, b'{"sizes_bytes": {"linked": 27}}',
    ],
    ids=range(11),
)  # fmt: skip
def test_a_checkpoint_of_another_shape_is_passed_over(
    mark: bytes, private: Path, tmp_path: Path
) -> None:
    checkpoint = tmp_path / "checkpoint-3"
    checkpoint.mkdir()
    (checkpoint / "linked").symlink_to(private)
    (checkpoint / "whole.json").write_bytes(mark)
    assert not is_whole(checkpoint)
    assert earlier_peak(str(checkpoint)) == 0


def test_a_checkpoint_in_a_link_is_none(tmp_path: Path) -> None:
    real = tmp_path / "real"
    real.mkdir()
    (real / "weights").write_bytes(b"1")
    mark_whole(real, 7)
    assert is_whole(real)
    (tmp_path / "checkpoint-3").symlink_to(real)
    assert not is_whole(tmp_path / "checkpoint-3")
    (real / "whole.json").rename(tmp_path / "mark")
    (real / "whole.json").symlink_to(tmp_path / "mark")
    assert not is_whole(real)


@pytest.mark.parametrize(
    ("best", "kept"),
    [
        ("/etc", False), ("checkpoint-1", True), ("{}/..", False), ("{}/checkpoint-1/..", False),
        ("{}/a", False), ("{}/checkpoint-2", False), ("{}/checkpoint-1", True),
        ("/elsewhere/checkpoint-1", True),
    ],
)  # fmt: skip
def test_the_best_checkpoint_is_one_of_the_run(best: str, kept: bool, tmp_path: Path) -> None:
    """It is found by its name: a state may come from where the run was before."""
    own = tmp_path / "checkpoint-1"
    own.mkdir()
    (own / "file").write_text("x")
    mark_whole(own, 0)
    before = signal.getsignal(signal.SIGTERM)
    watch = Watch(Line(-1), 0, 0)
    signal.signal(signal.SIGTERM, before)
    state = SimpleNamespace(best_model_checkpoint=best.format(tmp_path), best_metric=0.5)
    watch.on_train_begin(SimpleNamespace(output_dir=str(tmp_path)), state, None)
    assert state.best_model_checkpoint == (str(own) if kept else None)
    assert state.best_metric == (0.5 if kept else None)
