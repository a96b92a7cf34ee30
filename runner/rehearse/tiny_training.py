"""Trains a tiny model as a stage does, for the memory of the process itself."""

import os
from pathlib import Path

from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedTokenizerFast

from lockfiles.training import Method, Train
from planner.data.tokens.example import Example, completion
from planner.speed.host import CONFIG, PROFILE
from runner.rehearse.job import padding
from runner.runs.pipe import Line
from runner.training.callback import memory_bytes
from runner.training.job import Job
from runner.training.train import train

SIZES = {"hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "vocab_size": 512}
METHOD = Method(kind="lora", rank=8, alpha=16, dropout=0.05, targets=list(PROFILE.targets))
SETTINGS = Train(
    micro_batch=2, accumulation=1, epochs=1, learning_rate=1e-5, schedule="cosine",
    warmup_ratio=0.0, weight_decay=0.0, gradient_clip=1.0, optimizer="adamw_torch",
    dtype="float32", attention="sdpa", checkpointing=False, keep="best", evaluate_steps=2, seed=1,
)  # fmt: skip
_ROWS = 8


def _rows() -> list[Example]:
    lengths = range(12, 12 + _ROWS)
    return [completion(tuple(range(3, 3 + n)), tuple(range(3, 3 + n))) for n in lengths]


def _base(folder: Path) -> Path:
    """Write the tiny model's folder."""
    shape = AutoConfig.for_model(**(dict(CONFIG) | SIZES))
    AutoModelForCausalLM.from_config(shape).save_pretrained(folder)
    own: PreTrainedTokenizerFast = padding()
    own.save_pretrained(folder)
    return folder


def peak_bytes(folder: Path) -> int:
    """Train in a folder and return the peak memory of this process."""
    rows = _rows()
    job = Job(
        base=_base(folder / "base"),
        rows=rows,
        validation=rows[:2],
        order=lambda epoch: range(_ROWS),
        method=METHOD,
        train=SETTINGS,
        work=folder / "work",
    )
    with open(os.devnull, "wb") as nowhere:
        train(job, Line(nowhere.fileno()))
    return memory_bytes()[1]
