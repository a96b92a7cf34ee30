"""Trains on random rows: `train_random_rows.py BASE WORK KIND PAUSE DESCRIPTOR [BIAS]`.

KIND is a method's, with ` packed` after it for packing. Each step takes PAUSE seconds longer;
events go to the descriptor. The exit code is 75 where it was stopped.
"""

import random
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lockfiles.lock import Method, Train
from planner.data.tokens.example import IGNORED, completion
from runner.runs.events import Kind
from runner.runs.pipe import Line
from runner.training.job import Job
from runner.training.train import train

SETTINGS = Train(
    micro_batch=2, accumulation=2, epochs=3, learning_rate=1e-2, schedule="cosine",
    warmup_ratio=0.1, weight_decay=0.01, gradient_clip=1.0, optimizer="adamw_torch",
    dtype="float32", attention="sdpa", checkpointing=False, keep="best", evaluate_steps=5, seed=17,
)  # fmt: skip


class Slow(Line):
    """A line on which a step takes longer."""

    def __init__(self, descriptor: int, pause_seconds: float) -> None:
        super().__init__(descriptor)
        self._pause_seconds = pause_seconds

    def send(self, kind: Kind, **fields: Any) -> None:
        time.sleep(self._pause_seconds if kind == "step" else 0)
        super().send(kind, **fields)


def order(epoch: int) -> Sequence[int]:
    return random.Random(epoch).sample(range(32), 32)


def job(base: Path, work: Path, kind: str, bias: str) -> Job:
    source = random.Random(5)
    ids = [
        tuple(source.randrange(3, 64) for _ in range(source.randrange(6, 20))) for _ in range(32)
    ]
    rows = [completion(row, (IGNORED, IGNORED, *row[2:])) for row in ids]
    plain = kind.removesuffix(" packed")
    method = Method.model_validate({
        "kind": plain, "rank": 4, "alpha": 8, "dropout": 0.1,
        "targets": ["q_proj", "v_proj"] if plain != "full" else [], "bias": bias,
    })  # fmt: skip
    return Job(
        base, rows, rows[:4], order, method, SETTINGS, work,
        packing=kind.endswith(" packed"),
    )  # fmt: skip


def main() -> int:
    base, work, kind, pause, descriptor, *bias = sys.argv[1:]
    made = job(Path(base), Path(work), kind, bias[0] if bias else "none")
    return 75 if train(made, Slow(int(descriptor), float(pause))).stopped else 0


if __name__ == "__main__":
    sys.exit(main())
