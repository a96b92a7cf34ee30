"""The time of steps, and what a side's line reports of them."""

import os
import statistics
import time
from collections.abc import Sequence
from typing import Any

from planner.speed.rate import Lengths, needed_flops
from tests.gpu.speed.line import WARM, Line
from tests.gpu.speed.models import settings, shape_of
from tests.gpu.speed.profiled import StepProfile


class Clock:
    """Takes the time from the end of a step to the end of the next one."""

    def __init__(self) -> None:
        self.made = time.monotonic()
        """When the side began to make its model."""
        self.began = 0.0
        self.ends: list[float] = []
        self.losses: list[float] = []

    def begin(self) -> None:
        """Begin training; peaks count from here."""
        import torch

        if torch.cuda.is_available():
            torch.cuda.synchronize()
            torch.cuda.reset_peak_memory_stats()
        self.began = time.monotonic()

    def step(self) -> None:
        """End a step."""
        import torch

        if torch.cuda.is_available():
            torch.cuda.synchronize()
        self.ends.append(time.monotonic())

    @property
    def seconds(self) -> list[float]:
        """The seconds of each step; of the first from the beginning of training."""
        starts = [self.began, *self.ends[:-1]]
        return [end - start for start, end in zip(starts, self.ends, strict=True)]


def callback(clock: Clock, profile: StepProfile | None = None, step: int = 0) -> Any:
    """Return a callback of a trainer that takes the time, and that of a later step's kernels."""
    from transformers import TrainerCallback

    class Watch(TrainerCallback):  # type: ignore[misc]
        def on_train_begin(self, *_: Any, **__: Any) -> None:
            if not clock.began:
                clock.begin()

        def on_step_begin(self, *_: Any, **__: Any) -> None:
            if profile and len(clock.ends) == step:
                profile.begin()

        def on_step_end(self, *_: Any, **__: Any) -> None:
            clock.step()
            if profile and len(clock.ends) > step:
                profile.end()
                clock.ends.pop()

        def on_log(self, *_: Any, logs: Any = None, **__: Any) -> None:
            if "loss" in (logs or {}):
                clock.losses.append(round(float(logs["loss"]), 5))

    return Watch()


def counted(trainer: Any) -> list[int]:
    """Return a list that the trainer fills with the useful tokens of each batch."""
    tokens: list[int] = []
    inner = trainer.data_collator

    def collate(rows: Any) -> Any:
        found = inner(rows)
        tokens.append(sum(len(row["input_ids"]) for row in rows))
        return found

    trainer.data_collator = collate
    return tokens


def result(
    line: Line, clock: Clock, tokens: Sequence[int], of: Sequence[int], said: dict[str, Any]
) -> dict[str, Any]:
    """Return a side's line; `tokens` are those of each step, `of` the lengths of all rows."""
    import torch

    on_card = torch.cuda.is_available()
    took = clock.seconds
    used = list(tokens[: len(took)])
    rates = [count / one for count, one in zip(used[WARM:], took[WARM:], strict=True)]
    useful, spent = sum(used[WARM:]), sum(took[WARM:])
    squares = useful * sum(n * n for n in of) / sum(of)
    flops = needed_flops(shape_of(line), settings(line), Lengths(useful, squares))
    return {
        "line": line.text,
        "side": line.side,
        "model": line.model,
        "method": line.method,
        "rows": line.rows,
        **said,
        "card": torch.cuda.get_device_name() if on_card else "",
        "median_tokens_per_second": round(statistics.median(rates)),
        "tokens_per_second": round(useful / spent),
        "median_step_seconds": round(statistics.median(took[WARM:]), 4),
        "needed_flops_per_second": round(flops / spent),
        "made_seconds": round(clock.began - clock.made, 1),
        "first_step_seconds": round(took[0], 2),
        "peak_bytes": torch.cuda.max_memory_allocated() if on_card else 0,
        "reserved_bytes": torch.cuda.max_memory_reserved() if on_card else 0,
        "alloc_conf": os.environ.get("PYTORCH_ALLOC_CONF", ""),
        "tokens": used,
        "step_seconds": [round(one, 4) for one in took],
        "losses": clock.losses[:3] + clock.losses[-1:],
    }
