"""Checkpoints written in a thread: one at a time, complete at the end, and failures are raised."""

import threading
import time

import pytest

from runner.training.writing import Writer


def _threads() -> list[str]:
    return [one.name for one in threading.enumerate() if one.name == "checkpoint"]


def _failing() -> None:
    raise OSError(28, "No space left on device", "/a")


def test_parts_are_written_in_order_and_one_checkpoint_at_a_time() -> None:
    written: list[int] = []
    go_on = threading.Event()
    with Writer() as writer:
        writer.add(go_on.wait)
        writer.add(lambda: written.append(1))
        writer.begin(aside=True)
        assert not written, "it does not wait"
        writer.add(lambda: written.append(2))
        threading.Timer(0.05, go_on.set).start()
        writer.begin(aside=True)
        assert written[:1] == [1]
        writer.add(lambda: written.append(3))
        writer.begin(aside=False)
        assert written == [1, 2, 3]
    assert not _threads()


def test_a_failure_is_raised_once_and_later_parts_are_not_written() -> None:
    written: list[int] = []
    with Writer() as writer:
        writer.add(_failing)
        writer.add(lambda: written.append(1))
        writer.begin(aside=True)
        with pytest.raises(OSError, match="No space left"):
            writer.wait()
        writer.check()
    assert not written
    with pytest.raises(OSError, match="No space left"), Writer() as writer:
        writer.add(_failing)
        writer.begin(aside=True)


def test_a_training_that_fails_ends_with_its_checkpoint_written(
    capsys: pytest.CaptureFixture[str],
) -> None:
    written: list[int] = []
    with pytest.raises(ValueError, match="training"), Writer() as writer:
        writer.add(lambda: time.sleep(0.05))
        writer.add(lambda: written.append(1))
        writer.add(_failing)
        writer.begin(aside=True)
        raise ValueError("training")
    assert written == [1]
    assert not _threads()
    assert "No space left on device" in capsys.readouterr().err
