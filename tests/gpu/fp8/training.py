"""Trainings with a base in one of FP8's ways or in bfloat16.

The plans that the planner chooses are timed. The losses are those of the 0.5B's shape on the rows
of `tests/gpu/curves.py`, and of rows that it did not learn.
"""

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from planner.data.tokens.order import epoch_order
from tests.gpu.curves import RATES
from tests.gpu.curves import rows as texts
from tests.gpu.fp8.linear import WAYS, in_fp8, restore
from tests.gpu.speed import models
from tests.gpu.speed.chosen import chosen
from tests.gpu.speed.line import Line
from tests.gpu.variants import ROWS, Training, method_of, table

BF16 = "bf16"
BASE = 1
"""The seed of the base's weights."""
HELD_OUT = 2 * ROWS
KERNELS = "compiled"


def planned(line: Line, base: str, steps: int, multiple: int) -> dict[str, Any]:
    """Return the line of the plan that is chosen, with this base."""

    def change(model: Any) -> None:
        if base != BF16:
            in_fp8(model, WAYS[base], multiple)
            torch.cuda.empty_cache()  # of the weights in bfloat16

    return chosen(line, steps, change) | {"base": base}


def trained(base: str, seed: int, steps: int, multiple: int, on_card: bool) -> dict[str, Any]:
    """Return the line of a training.

    `held_out` is the mean loss of rows that were held out, with the base that training had;
    `held_out_in_bf16` the same with the weights as they were before rounding.
    """
    with tempfile.TemporaryDirectory() as work:
        seen = _Losses()
        trainer = _trainer(Path(work), seed, steps, on_card, seen.callback())
        before = [] if base == BF16 else in_fp8(trainer.model, WAYS[base], multiple)
        trainer.train()
        held_out = trainer.evaluate()["eval_loss"]
        restore(before)
        in_bf16 = trainer.evaluate()["eval_loss"]
    return {
        "curve": base, "seed": seed, "losses": seen.losses, "held_out": held_out,
        "held_out_in_bf16": in_bf16,
    }  # fmt: skip


def _trainer(work: Path, seed: int, steps: int, on_card: bool, callback: Any) -> Any:
    from transformers import set_seed

    from runner.rehearse.job import padding
    from runner.rehearse.random_model import random_model
    from runner.training.job import Job
    from runner.training.make import make_trainer

    every = texts(600 if on_card else 40)
    rows, held_out = every[:-HELD_OUT], every[-HELD_OUT:]
    given = Training(
        work, work, rows, KERNELS, "lora", steps, seed=seed, learning_rate=RATES["lora"],
        most_tokens=4096 if on_card else 400, on_card=on_card,
    )  # fmt: skip
    line = Line("chosen Qwen2.5-0.5B lora chat" + " tiny" * (not on_card))
    settings = table(given)
    profile = replace(models.here(models.settings(line)), attention="varlen")
    torch.manual_seed(BASE)
    model = random_model(models.config_of(line), profile, 1)
    set_seed(seed)
    job = Job(
        base=work, rows=rows, validation=held_out,
        order=lambda epoch: epoch_order(len(rows), seed, epoch), method=method_of(given),
        train=settings, work=work, packing=True, padding=padding(),
    )  # fmt: skip
    trainer = make_trainer(job, model, [callback])
    trainer.args.max_steps = steps
    trainer.args.save_strategy = type(trainer.args.save_strategy)("no")
    return trainer


class _Losses:
    """The loss of each step."""

    def __init__(self) -> None:
        self.losses: list[float] = []

    def callback(self) -> Any:
        """Return a callback of a trainer that keeps them."""
        from transformers import TrainerCallback

        losses = self.losses

        class Seen(TrainerCallback):  # type: ignore[misc]
            def on_log(self, *_: Any, logs: Any = None, **__: Any) -> None:
                if "loss" in (logs or {}):
                    losses.append(float(logs["loss"]))

        return Seen()
