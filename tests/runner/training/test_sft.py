"""Training, for real, on a small random model: equal bits run twice, and after a SIGKILL."""

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

pytest.importorskip("trl")

from lockfiles import digest
from runner.runs.whole import WHOLE, earlier_peak, mark_whole
from runner.training.checkpoints import last_whole_checkpoint
from tests.programs import command

ROOT = Path(__file__).parents[3]
STEPS = 24


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import torch
    from tokenizers import Tokenizer, models
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    folder = tmp_path_factory.mktemp("base")
    torch.manual_seed(1)
    config = LlamaConfig(
        vocab_size=64,
        hidden_size=128,
        intermediate_size=256,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        pad_token_id=0,
        eos_token_id=1,
        bos_token_id=2,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    words = {f"t{number}": number for number in range(64)}
    tokenizer = Tokenizer(models.WordLevel(words, unk_token="t2"))
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="t0", eos_token="t1"
    ).save_pretrained(folder)
    return folder


def _start(base: Path, work: Path, kind: str, pause: float) -> subprocess.Popen[bytes]:
    quiet = os.open(os.devnull, os.O_WRONLY)
    work.mkdir(exist_ok=True)
    with (work / "log.txt").open("ab") as log:
        return subprocess.Popen(
            command("train_random_rows", base, work, kind, pause, quiet),
            cwd=ROOT,
            pass_fds=[quiet],
            stdout=log,
            stderr=log,
            env=os.environ | {"HF_HUB_OFFLINE": "1", "HF_HUB_DISABLE_TELEMETRY": "1"},
        )


def _train(base: Path, work: Path, kind: str) -> str:
    assert _start(base, work, kind, 0.0).wait() == 0, (work / "log.txt").read_text()[-3000:]
    return digest.of_tensors((work / "result").glob("*.safetensors"))


SLOW = pytest.mark.slow
"""Each takes a minute; a whole run of LoRA is killed and gone on with in `tests/journeys`."""


@pytest.mark.parametrize(
    "kind", [pytest.param(kind, marks=SLOW) for kind in ("full", "lora", "qlora", "lora packed")]
)
def test_run_twice_and_killed_in_the_middle_end_in_equal_bits(
    base: Path, tmp_path: Path, kind: str
) -> None:
    first = _train(base, tmp_path / "first", kind)
    assert _train(base, tmp_path / "second", kind) == first

    work = tmp_path / "killed"
    process = _start(base, work, kind, 0.3)
    deadline = time.monotonic() + 120
    while not list(work.glob(f"checkpoint-*/{WHOLE}")):
        assert process.poll() is None, (work / "log.txt").read_text()[-3000:]
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (work / "result").exists()
    assert _train(base, work, kind) == first


@pytest.mark.slow
def test_a_stop_leaves_a_checkpoint_to_go_on_from(base: Path, tmp_path: Path) -> None:
    work = tmp_path / "stopped"
    process = _start(base, work, "lora", 0.3)
    deadline = time.monotonic() + 120
    while not list(work.glob(f"checkpoint-*/{WHOLE}")):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(signal.SIGTERM)
    assert process.wait() == 75
    assert last_whole_checkpoint(work) not in (None, str(work / f"checkpoint-{STEPS}"))
    assert _train(base, work, "lora") == _train(base, tmp_path / "whole", "lora")


def test_a_torn_checkpoint_is_passed_over(tmp_path: Path) -> None:
    for number in (5, 10, 15):
        (tmp_path / f"checkpoint-{number}").mkdir()
    for number in (5, 10):
        (tmp_path / f"checkpoint-{number}" / "optimizer.pt").touch()
        mark_whole(tmp_path / f"checkpoint-{number}", peak_bytes=7)
    assert last_whole_checkpoint(tmp_path) == str(tmp_path / "checkpoint-10")
    assert not (tmp_path / "checkpoint-15").exists()
    assert last_whole_checkpoint(tmp_path / "nowhere") is None


@pytest.mark.slow
@pytest.mark.parametrize("name", ["trainer_state.json", "optimizer.pt", "model.safetensors"])
def test_a_checkpoint_that_cannot_be_loaded_is_named(
    base: Path, tmp_path: Path, name: str, trained: Path
) -> None:
    work = shutil.copytree(trained, tmp_path / "work")
    newest = work / f"checkpoint-{STEPS}"
    (newest / name).write_bytes(bytes((newest / name).stat().st_size))
    assert _start(base, work, "full", 0.0).wait() == 1
    told = (work / "log.txt").read_text().splitlines()[-1]
    assert f"RunFailed: The checkpoint `{newest}` cannot be loaded (" in told
    shutil.rmtree(newest)
    assert _train(base, work, "full") == digest.of_tensors((trained / "result").glob("*.sa*"))


@pytest.fixture(scope="module")
def trained(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    work = tmp_path_factory.mktemp("trained")
    _train(base, work, "full")
    return work


@pytest.mark.parametrize("size", [0, 99, None])
def test_a_checkpoint_that_lost_bytes_is_passed_over(size: int | None, tmp_path: Path) -> None:
    for number in (5, 10):
        folder = tmp_path / f"checkpoint-{number}"
        folder.mkdir()
        (folder / "optimizer.pt").write_bytes(bytes(100))
        mark_whole(folder, peak_bytes=7)
    newest = last_whole_checkpoint(tmp_path)
    assert newest == str(tmp_path / "checkpoint-10")
    assert earlier_peak(newest) == 7
    file = tmp_path / "checkpoint-10" / "optimizer.pt"
    if size is None:
        file.unlink()
    else:
        os.truncate(file, size)
    assert last_whole_checkpoint(tmp_path) == str(tmp_path / "checkpoint-5")
