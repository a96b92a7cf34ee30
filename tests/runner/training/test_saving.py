"""Checkpoints that are written while training goes on hold the tensors of their step."""

import os
import queue
import signal
import subprocess
import threading
from pathlib import Path
from typing import Any

import pytest
import torch

pytest.importorskip("trl")

from safetensors.torch import load_file, save_file

from runner.runs.whole import WHOLE
from runner.training import callback, saving
from runner.training.saving import copy, no_room
from runner.training.writing import Writer
from tests.programs import command
from tests.runner.training.test_packing import Heard
from tests.runner.training.test_padding_free import _job, _trained
from tests.runner.training.test_sft import ROOT, _train
from tests.runner.training.test_sft import base as base

pytestmark = pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing:FutureWarning")


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Copy tensors, and write each file only after a later step; the list says for each whether
    there was one."""
    waited: list[bool] = []
    steps: queue.Queue[bool] = queue.Queue()
    step, begun, join = callback.Watch.on_step_begin, Writer.begin, Writer._join

    def save(*given: Any, **named: Any) -> None:
        waited.append(steps.get(timeout=60))
        save_file(*given, **named)

    def on_step_begin(self: Any, *given: Any, **named: Any) -> None:
        step(self, *given, **named)
        steps.put(True)

    def begin(self: Writer, *, aside: bool) -> None:
        self.wait()
        while not steps.empty():
            steps.get()
        begun(self, aside=aside)

    def ended(self: Writer) -> None:
        if self._thread:
            steps.put(False)
        join(self)

    monkeypatch.setattr(saving, "copies", lambda: True)
    monkeypatch.setattr(saving, "save_file", save)
    monkeypatch.setattr(callback.Watch, "on_step_begin", on_step_begin)
    monkeypatch.setattr(Writer, "begin", begin)
    monkeypatch.setattr(Writer, "_join", ended)
    return waited


def _tensors(work: Path) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for folder in sorted(work.glob("checkpoint-*")):
        assert (folder / WHOLE).is_file()
        for name, value in load_file(folder / "adapter_model.safetensors").items():
            found[f"{folder.name} {name}"] = value
        states = torch.load(folder / "optimizer.pt", weights_only=True)
        found[f"{folder.name} groups"] = states["param_groups"]
        for number, of in states["state"].items():
            found |= {f"{folder.name} {number} {what}": value for what, value in of.items()}
    return found


def _saved(base: Path, work: Path) -> tuple[Heard, dict[str, Any]]:
    line = _trained(_job(base, work, pass_tokens=60, evaluate_steps=2, keep="last", epochs=2))
    return line, _tensors(work)


def test_what_is_written_later_is_what_was_there_at_its_step(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, slow: list[bool]
) -> None:
    line, aside = _saved(base, tmp_path / "aside")
    assert slow == [True, True, False], "training went on, but for the last checkpoint"
    monkeypatch.setattr(saving, "copies", lambda: False)
    same, at_once = _saved(base, tmp_path / "at once")
    assert [one["loss"] for one in line.told] == [one["loss"] for one in same.told]
    assert aside.keys() == at_once.keys() and len(aside) > 20
    assert {name.split()[0] for name in aside} == {"checkpoint-4", "checkpoint-6"}
    for name, value in aside.items():
        assert torch.equal(value, at_once[name]) if isinstance(value, torch.Tensor) else (
            value == at_once[name]
        )  # fmt: skip
    assert not list(tmp_path.glob("*/checkpoint-*/tokenizer*"))
    assert not [one for one in threading.enumerate() if one.name == "checkpoint"]


def test_a_checkpoint_that_cannot_be_written_ends_the_training(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device", "/a")

    monkeypatch.setattr(saving, "copies", lambda: True)
    monkeypatch.setattr(saving, "save_file", fail)
    with pytest.raises(OSError, match="No space left on device"):
        _saved(base, tmp_path)
    assert not list(tmp_path.glob(f"*/{WHOLE}"))
    assert not list(tmp_path.glob("result"))


def test_a_full_memory_is_said() -> None:
    assert no_room(1) == ""
    assert "a copy takes 931,322.6 GiB, and" in no_room(10**15)


def test_copies_share_nothing() -> None:
    one = torch.zeros(2)
    found = copy({"a": [one, (one, 3)], "b": None})
    one += 1
    assert found["a"][0].tolist() == found["a"][1][0].tolist() == [0, 0]
    assert (found["a"][1][1], found["b"]) == (3, None)


def _until_step(step: int, *arguments: object) -> "subprocess.Popen[bytes]":
    """Return a training with a slow disk that has made a step."""
    begin = command("train_with_slow_disk", *arguments)
    process = subprocess.Popen(begin, cwd=ROOT, stdout=subprocess.PIPE)
    assert process.stdout
    assert any(b'"step": %d,' % step in text for text in process.stdout)
    return process


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["lora", "full"])
def test_a_kill_while_a_checkpoint_is_written_leaves_the_one_before(
    base: Path, tmp_path: Path, kind: str
) -> None:
    first, work = _train(base, tmp_path / "first", kind), tmp_path / "killed"
    process = _until_step(11, base, work, kind, 0.1, 5.0)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    whole = {path.parent.name for path in work.glob(f"*/{WHOLE}")}
    assert whole == {"checkpoint-5"}
    assert (work / "checkpoint-10").is_dir()
    assert _train(base, work, kind) == first


@pytest.mark.slow
def test_a_stop_waits_for_what_is_being_written(base: Path, tmp_path: Path) -> None:
    work = tmp_path / "stopped"
    process = _until_step(6, base, work, "lora", 0.1, 1.0)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode == 75
    found = sorted(work.glob("checkpoint-*"), key=os.path.getmtime)
    assert found and all((one / WHOLE).is_file() for one in found)
    assert _train(base, work, "lora") == _train(base, tmp_path / "whole", "lora")
