"""Trained biases, for real, on a small random model: kept, merged, and equal after a SIGKILL."""

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

pytest.importorskip("trl")

import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer, models
from transformers import PreTrainedTokenizerFast, Qwen2Config, Qwen2ForCausalLM

from lockfiles import digest
from lockfiles.lock import Method
from runner.export.merge import merge
from runner.runs.whole import WHOLE
from tests.programs import command
from tests.runner.training.test_sft import ROOT

SIZES = {
    "vocab_size": 64, "hidden_size": 64, "intermediate_size": 64, "num_hidden_layers": 2,
    "num_attention_heads": 4, "num_key_value_heads": 2, "pad_token_id": 0, "eos_token_id": 1,
}  # fmt: skip


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("base")
    torch.manual_seed(1)
    Qwen2ForCausalLM(Qwen2Config(**SIZES)).save_pretrained(folder)
    words = {f"t{number}": number for number in range(64)}
    tokenizer = Tokenizer(models.WordLevel(words, unk_token="t2"))
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="t0").save_pretrained(folder)
    return folder


def _start(base: Path, work: Path, pause: float) -> subprocess.Popen[bytes]:
    quiet = os.open(os.devnull, os.O_WRONLY)
    work.mkdir(exist_ok=True)
    with (work / "log.txt").open("ab") as log:
        return subprocess.Popen(
            command("train_random_rows", base, work, "lora", pause, quiet, "all"),
            cwd=ROOT, pass_fds=[quiet], stdout=log, stderr=log,
            env=os.environ | {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"},
        )  # fmt: skip


def _train(base: Path, work: Path) -> str:
    assert _start(base, work, 0.0).wait() == 0, (work / "log.txt").read_text()[-3000:]
    return digest.of_tensors((work / "result").glob("*.safetensors"))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing:FutureWarning")
def test_biases_are_kept_merged_and_resumed(base: Path, tmp_path: Path) -> None:
    whole = _train(base, tmp_path / "whole")
    result = tmp_path / "whole" / "result"
    saved = json.loads((result / "adapter_config.json").read_text())
    assert saved["bias"] == "all"
    method = Method.model_construct(
        kind="lora", rank=saved["r"], alpha=saved["lora_alpha"], dropout=saved["lora_dropout"],
        targets=saved["target_modules"], bias="all",
    )  # fmt: skip
    merged = load_file(merge(base, result, tmp_path / "merged", method) / "model.safetensors")
    first = load_file(base / "model.safetensors")
    biases = [name for name in first if name.endswith(".bias")]
    assert len(biases) == 6
    assert not [name for name in biases if torch.equal(merged[name], first[name])]

    work = tmp_path / "killed"
    process = _start(base, work, 0.3)
    deadline = time.monotonic() + 120
    while not list(work.glob(f"checkpoint-*/{WHOLE}")):
        assert process.poll() is None, (work / "log.txt").read_text()[-3000:]
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert _train(base, work) == whole
