"""The runner's own `train` against a script with TRL's `SFTTrainer` at equal settings.

    python -m tests.gpu.against_trl OUT.jsonl [--methods METHOD ...] [--pairs 5] [--steps 20]

The same base of Qwen2.5-0.5B's shape, rows of one length in 4 padded micro-batches of 4, the same
optimizer, types, attention, schedule and a log of each step, without checkpointing. Both in turn,
each in a process of its own that is forked from this one; every second pair begins with TRL. A step
takes from the end of one step to the end of the next, and so holds all that is done between them.
"""

import argparse
import multiprocessing
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise, product
from pathlib import Path
from typing import Any

from planner.data.tokens.example import COMPLETION, Example, completion
from planner.data.tokens.order import epoch_order
from tests.gpu.exact import TINY
from tests.gpu.lines import added, every
from tests.gpu.shapes import BASE, write_base
from tests.gpu.variants import ROWS, Recorder, Training, method_of, ready, table

WARM = 3
"""Steps that are left out."""
LENGTH, SHORT = 512, 24
"""Tokens of a row; of a tiny model's."""
LONGEST_SECONDS = 300.0
FORK = multiprocessing.get_context("fork")
Line = dict[str, Any]


class Ends(Recorder):
    """Keeps when each step of the runner ended."""

    def __init__(self) -> None:
        super().__init__(0)
        self.at: list[float] = []

    def send(self, kind: str, **fields: Any) -> None:
        """Keep the time of a step."""
        super().send(kind, **fields)
        if kind == "step":
            self.at.append(_now())


def rows(count: int, length: int, vocabulary: int) -> list[Example]:
    """Return rows of random tokens, all scored."""
    source = random.Random(11)
    made = (tuple(source.randrange(3, vocabulary) for _ in range(length)) for _ in range(count))
    return [completion(ids, ids) for ids in made]


def by_runner(given: Training) -> Line:
    """Train by the runner in this process."""
    from runner.training.determinism import keep_to
    from runner.training.job import Job
    from runner.training.train import train

    keep_to(0 if given.on_card else 1, exact=False)
    given.work.mkdir(parents=True)
    line = Ends()
    job = Job(
        base=given.base, rows=given.rows, validation=(),
        order=lambda epoch: epoch_order(len(given.rows), given.seed, epoch),
        method=method_of(given), train=table(given), work=given.work,
    )  # fmt: skip
    result = train(job, line)
    return _told("runner", given, line.at, line.found.losses, result.peak_bytes)


def by_trl(given: Training) -> Line:
    """Train by TRL in this process."""
    import torch
    from datasets import Dataset
    from peft import LoraConfig
    from transformers import AutoModelForCausalLM, AutoTokenizer, TrainerCallback
    from trl import SFTConfig, SFTTrainer

    ends, losses, settings, method = [], [], table(given), method_of(given)
    torch.set_num_threads(torch.get_num_threads() if given.on_card else 1)

    class Watch(TrainerCallback):  # type: ignore[misc]
        def on_log(self, *_: Any, logs: Any = None, **__: Any) -> None:
            if "loss" in (logs or {}):
                losses.append(float(logs["loss"]))
                ends.append(_now())

    adapter = LoraConfig(
        task_type="CAUSAL_LM", r=method.rank, lora_alpha=method.alpha, lora_dropout=0.0,
        target_modules=list(method.targets),
    )  # fmt: skip
    model = AutoModelForCausalLM.from_pretrained(
        given.base, dtype=getattr(torch, settings.dtype), attn_implementation="sdpa",
        device_map={"": 0} if given.on_card else None,
    )  # fmt: skip
    own = SFTConfig(
        output_dir=str(given.work), per_device_train_batch_size=settings.micro_batch,
        gradient_accumulation_steps=settings.accumulation, num_train_epochs=settings.epochs,
        learning_rate=settings.learning_rate, lr_scheduler_type=settings.schedule,
        warmup_steps=settings.warmup_ratio, weight_decay=settings.weight_decay,
        max_grad_norm=settings.gradient_clip, optim=settings.optimizer, seed=settings.seed,
        bf16=given.on_card, use_cpu=not given.on_card, gradient_checkpointing=False,
        max_length=None, logging_steps=1, save_strategy="no", report_to="none", disable_tqdm=True,
    )  # fmt: skip
    ids = [list(row[COMPLETION].input_ids) for row in given.rows]
    trainer = SFTTrainer(
        model=model,
        args=own,
        train_dataset=Dataset.from_dict({"input_ids": ids}),
        processing_class=AutoTokenizer.from_pretrained(BASE),
        peft_config=None if given.method == "full" else adapter,
        callbacks=[Watch()],
    )
    trainer.train()
    peak = torch.cuda.max_memory_allocated() if given.on_card else 0
    return _told("trl", given, ends, losses, peak)


def _now() -> float:
    import torch

    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.monotonic()


def _told(
    side: str, given: Training, ends: Sequence[float], losses: Sequence[float], peak: int
) -> Line:
    steps = [after - before for before, after in pairwise(ends)]
    return {
        "side": side, "method": given.method, "steps": len(ends), "peak_bytes": peak,
        "step_seconds": [round(one, 4) for one in steps[WARM - 1 :]],
        "losses": [losses[0], losses[-1]],
    }  # fmt: skip


SIDES = {"runner": by_runner, "trl": by_trl}


def _one(side: str, pair: int, given: Training, out: Path) -> None:
    added(out, SIDES[side](given) | {"pair": pair})


def _run(work: Callable[..., Any], *given: Any, **named: Any) -> None:
    """Run a function in a process that is forked from this one."""
    process = FORK.Process(target=work, args=given, kwargs=named)
    process.start()
    process.join(LONGEST_SECONDS)
    process.kill()


def summary(found: Sequence[Line]) -> Iterator[str]:
    """Yield the ratios of TRL's step time to the runner's: above 1, the runner is faster."""
    for method in dict.fromkeys(one["method"] for one in found):
        mine = [one for one in found if one["method"] == method]
        took = {(one["side"], one["pair"]): statistics.median(one["step_seconds"]) for one in mine}
        pairs = sorted(pair for side, pair in took if side == "runner" and ("trl", pair) in took)
        ratios = [took["trl", pair] / took["runner", pair] for pair in pairs]
        if ratios:
            told = " ".join(f"{one:.3f}" for one in ratios)
            seconds = statistics.median(took["runner", pair] for pair in pairs)
            yield f"{method}: {statistics.median(ratios):.3f} ({told}), runner {seconds:.4f} s"


def main() -> None:
    """Run the pairs that OUT lacks, and print the ratios."""
    given = argparse.ArgumentParser(prog="tests.gpu.against_trl")
    given.add_argument("out", type=Path)
    given.add_argument("--methods", nargs="*", default=["lora", "full"])
    given.add_argument("--pairs", type=int, default=5)
    given.add_argument("--steps", type=int, default=20)
    given.add_argument("--cpu", action="store_true", help="with a tiny model")
    asked = given.parse_args()
    ready()
    on_card, count = not asked.cpu, (WARM + asked.steps) * ROWS
    some = rows(count, *((LENGTH, 150_000) if on_card else (SHORT, int(TINY["vocab_size"]))))
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        _run(write_base, folder / "base", **({} if on_card else TINY))
        for method, pair in product(asked.methods, range(asked.pairs)):
            for side in tuple(SIDES) if pair % 2 == 0 else tuple(SIDES)[::-1]:
                done = {(one["method"], one["pair"], one["side"]) for one in every(asked.out)}
                work = folder / f"{method}-{pair}-{side}"
                own = Training(
                    folder / "base", work, some, "padded", method, WARM + asked.steps,
                    learning_rate=1e-4, on_card=on_card,
                )  # fmt: skip
                if (method, pair, side) not in done:
                    _run(_one, side, pair, own, asked.out)
    print("\n".join(summary(every(asked.out))))


if __name__ == "__main__":
    main()
