"""Plans by their settings, with the runner's own trainer.

Rows have log-normal lengths with a median of about 300 tokens, at most 2,048. A line is
`MODEL METHOD ROWS PASS_TOKENS ATTENTION CHECKPOINTING DROPOUT`: rows of a step; tokens of a pass at
most, or 0 for padded rows; `own` or `varlen`; `keep` or `ckpt`. After these may be `compiled` and
`graphs=N`, with N sizes of recorded passes.
"""

import os
import random
import statistics
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.gpu.speed.line import WARM, Line
from tests.gpu.speed.rows import LONGEST, chat


def plan(line: Line, steps: int) -> dict[str, Any]:
    """Return the line of a plan."""
    return measured(line.text, WARM + steps)


def measured(line: str, steps: int) -> dict[str, Any]:
    """Return what one line's plan took: tokens and seconds of each step, and peaks in bytes."""
    import torch

    from planner.data.tokens.example import IGNORED, completion
    from runner.rehearse.job import padding
    from runner.training.job import Job
    from runner.training.make import make_trainer

    model, settings, method = _plan(line, steps)
    own = model.config.get_text_config()
    each = settings.micro_batch * settings.accumulation
    source = random.Random(3)
    rows = []
    for length in chat(each * steps):
        ids = tuple(source.randrange(3, own.vocab_size) for _ in range(length))
        rows.append(completion(ids, (IGNORED,) * (length // 3) + ids[length // 3 :]))
    on_card = torch.cuda.is_available()
    with tempfile.TemporaryDirectory() as work:
        job = Job(
            base=Path(work), rows=rows, validation=(), order=lambda _: range(len(rows)),
            method=method, train=settings, work=Path(work), packing=settings.pass_tokens > 0,
            padding=padding(),
        )  # fmt: skip
        watch = _watch(on_card)
        trainer = make_trainer(job, model, [watch])
        trainer.args.save_strategy = type(trainer.args.save_strategy)("no")
        began = time.monotonic()
        trainer.train()
    tokens = [sum(row.length for row in rows[at : at + each]) for at in range(0, len(rows), each)]
    rates = [count / took for count, took in zip(tokens, watch.seconds, strict=True)][WARM:]
    return {
        "line": line,
        "card": torch.cuda.get_device_name() if on_card else "",
        "tokens": tokens,
        "step_seconds": [round(one, 4) for one in watch.seconds],
        "losses": watch.losses,
        "first_step_seconds": round(watch.first - began, 2),
        "tokens_per_second": round(sum(tokens[WARM:]) / sum(watch.seconds[WARM:])),
        "median_tokens_per_second": round(statistics.median(rates)),
        "peak_bytes": torch.cuda.max_memory_allocated() if on_card else 0,
        "reserved_bytes": torch.cuda.max_memory_reserved() if on_card else 0,
        "alloc_conf": os.environ.get("PYTORCH_ALLOC_CONF", ""),
    }


def _plan(line: str, steps: int) -> tuple[Any, Any, Any]:
    """Return the model of a line with random weights, and its `train` and `method` tables."""
    import torch

    from planner.catalogue import lookup
    from planner.models.architecture import architecture
    from planner.search import lora_targets
    from planner.setup.setup import Profile
    from runner.rehearse.random_model import random_model
    from runner.rehearse.settings import method_of, train_of

    name, method, rows, most, attention, checkpointing, dropout, *more = line.split()
    config = dict(
        next(one.config for one in lookup.models() if one.name.rpartition("/")[2] == name)
    )
    on_card, full = torch.cuda.is_available(), method == "full"
    shape = architecture(config, name)
    profile = Profile(
        device="cuda" if on_card else "cpu",
        method=method,  # type: ignore[arg-type]
        rank=0 if full else 16,
        targets=() if full else lora_targets.preset(shape, "all-linear"),
        length=LONGEST,
        micro_batch=int(rows),
        checkpointing=checkpointing == "ckpt",
        dtype="bfloat16" if on_card else "float32",
        dropout=0.0 if full else float(dropout),
        padded=True,
        autocast=on_card,
        fused=on_card,
        accumulates=False,
        packing=int(most) > 0,
        pass_tokens=int(most),
        attention="varlen" if attention == "varlen" else "own",
    )
    if "compiled" in more:
        profile = replace(profile, kernels="compiled")
    settings = train_of(profile, 1, str(config["model_type"]))
    settings = settings.model_copy(update=_graphs(int(rows), int(most), steps, more))
    torch.manual_seed(1)
    return random_model(config, profile, 1), settings, method_of(profile)


def _graphs(rows: int, most: int, steps: int, more: list[str]) -> dict[str, Any]:
    """Return the sizes of recorded passes of a plan, if it has any, as a lock has them."""
    from planner.data.tokens import layout, sizes

    counts = [int(word.removeprefix("graphs=")) for word in more if word.startswith("graphs=")]
    if not counts:
        return {}
    of = chat(rows * steps)
    laid = layout.steps(of, range(len(of)), rows, most)
    tokens = [sum(of[row] for row in one) for step in laid for one in step]
    return {"graph_sizes": list(sizes.sizes(tokens, counts[0]))}


def _watch(on_card: bool) -> Any:
    """Return a callback that takes the time of each step, and its loss."""
    import torch
    from transformers import TrainerCallback

    def now() -> float:
        if on_card:
            torch.cuda.synchronize()
        return time.monotonic()

    class Watch(TrainerCallback):  # type: ignore[misc]
        seconds: list[float] = []  # noqa: RUF012
        losses: list[float] = []  # noqa: RUF012
        began = first = 0.0

        def on_step_begin(self, *_: Any, **__: Any) -> None:
            self.began = now()

        def on_step_end(self, *_: Any, **__: Any) -> None:
            ended = now()
            self.seconds.append(ended - self.began)
            self.first = self.first or ended
            if on_card and len(self.seconds) == WARM:
                torch.cuda.reset_peak_memory_stats()

        def on_log(self, *_: Any, logs: Any = None, **__: Any) -> None:
            if "loss" in (logs or {}):
                self.losses.append(round(float(logs["loss"]), 5))

    return Watch()
