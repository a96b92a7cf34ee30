"""Trains on the demo's 64 longest rows: `train_demo_rows.py FOLDER METHOD`, the method as JSON.

Prints this process's peak in bytes and the length of the longest row.
"""

import json
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path

import torch

import runner.demo
from lockfiles.lock import Method, Train
from planner.data.reading.formats import load_table
from planner.data.tokens.encode import encode, load_tokenizer
from planner.data.tokens.example import Example
from planner.data.tokens.template import load_template
from runner.runs.pipe import Line
from runner.training.job import Job
from runner.training.train import train

DEMO = Path(runner.demo.__file__).parent
BASE = DEMO / "base"
SETTINGS = Train(
    micro_batch=16, accumulation=1, epochs=1, learning_rate=1e-4, schedule="cosine",
    warmup_ratio=0.05, weight_decay=0.01, gradient_clip=1.0, optimizer="adamw_torch",
    dtype="float32", attention="sdpa", checkpointing=False, keep="best", evaluate_steps=2, seed=17,
)  # fmt: skip


def longest_rows() -> list[Example]:
    template, tokenizer = load_template(BASE), load_tokenizer(BASE)
    table = load_table(DEMO / "rows" / "train.jsonl")
    rows = [encode(row, template, tokenizer) for row in table.rows]
    return sorted(rows, key=lambda row: -row.length)[:64]


def order(epoch: int) -> Sequence[int]:
    return range(64)


def main() -> None:
    torch.set_num_threads(1)
    part, method = longest_rows(), Method.model_validate_json(sys.argv[2])
    work = Path(sys.argv[1]) / "train"
    line = Line(os.open(os.devnull, os.O_WRONLY))
    train(Job(BASE, part, part, order, method, SETTINGS, work), line)
    peak = re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())
    assert peak
    print(json.dumps({"peak": int(peak[1]) * 1024, "longest": part[0].length}))


if __name__ == "__main__":
    main()
