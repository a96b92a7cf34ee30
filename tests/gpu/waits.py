"""`python -m tests.gpu.waits OUT.jsonl [--methods METHOD ...] [--variant VARIANT] [--pairs PAIRS]`.

What a card waits for between its steps: the same training with nothing done ahead (`waiting`) and
as it is (`ahead`), in turn, each in a process of its own. `waiting` collates a step from Python's
lists after the step before it, copies it to the card and waits, evaluates by the micro-batch, and
writes complete checkpoints before its next step.
"""

import argparse
import json
import multiprocessing
import shutil
import statistics
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from itertools import accumulate
from pathlib import Path
from typing import Any
from unittest.mock import patch

from planner.data.tokens import layout
from planner.data.tokens.order import epoch_order
from tests.gpu.exact import TINY, rows
from tests.gpu.shapes import write_base
from tests.gpu.variants import ROWS, Training, method_of, ready, table

STEPS, EVERY, WARM = 60, 20, 5
"""Steps, those between checkpoints, and those at the start that are left out."""
HELD_OUT = 256
FORK = multiprocessing.get_context("fork")


def trained(side: str, given: Training) -> dict[str, Any]:
    """Return the times of a training in this process."""
    from runner.training.determinism import keep_to
    from runner.training.job import Job
    from runner.training.train import train
    from tests.gpu.variants import Recorder

    keep_to(0 if given.on_card else 1, exact=False)
    settings = table(given).model_copy(update={"evaluate_steps": EVERY, "keep": "best"})
    held = given.rows[:HELD_OUT] if given.on_card else given.rows[:24]
    job = Job(
        base=given.base, rows=given.rows, validation=held,
        order=lambda epoch: epoch_order(len(given.rows), given.seed, epoch),
        method=method_of(given), train=settings, work=given.work,
        packing=settings.pass_tokens > 0,
    )  # fmt: skip
    given.work.mkdir(parents=True, exist_ok=True)
    line = Recorder(0)
    began = time.monotonic()
    with waiting() if side == "waiting" else ExitStack():
        result = train(job, line)
    times = result.times
    steps = [seconds for number, seconds in times.steps.items() if number > WARM]
    tokens = line.found.tokens[WARM:]
    return {
        "side": side, "method": given.method, "variant": given.variant,
        "median_step_seconds": round(statistics.median(steps), 4),
        "computing_seconds": round(statistics.median(line.found.seconds[WARM:]), 4),
        "tokens_per_second": round(sum(tokens) / sum(steps)),
        "evaluation_seconds": [round(one, 3) for one in times.evaluations],
        "held_up_seconds": [round(one, 3) for one in times.saves],
        "seconds_without_start": round(sum(steps) + sum(times.evaluations) + sum(times.saves), 2),
        "total_seconds": round(time.monotonic() - began, 1),
        "peak_bytes": result.peak_bytes, "losses": line.found.losses[-3:],
    }  # fmt: skip


@contextmanager
def waiting() -> Iterator[None]:
    """Do nothing ahead."""
    from runner.training import arguments, saving
    from runner.training.ahead import Ahead
    from runner.training.padding_free import PaddingFree
    from runner.training.writing import Writer

    begin, usual = Writer.begin, arguments.arguments

    def given(job: Any) -> dict[str, Any]:
        by_micro_batch = {"per_device_eval_batch_size": job.train.micro_batch}
        return usual(job) | by_micro_batch | {"accelerator_config": {"non_blocking": False}}

    with ExitStack() as stack:
        for of, name, value in (
            (Ahead, "collect_next", lambda _: None),
            (PaddingFree, "__call__", from_lists),
            (arguments, "arguments", given),
            (saving, "copies", lambda: False),
            (Writer, "begin", lambda self, **_: begin(self, aside=False)),
        ):
            stack.enter_context(patch.object(of, name, value))
        yield


def from_lists(self: Any, given: Sequence[Mapping[str, Sequence[int]]]) -> dict[str, Any]:
    """Return what `PaddingFree` does, by Python's own loops."""
    import torch

    from planner.data.tokens.example import IGNORED

    def scored(row: Mapping[str, Sequence[int]]) -> list[int]:
        return [IGNORED, *row["labels"][1:]]

    def chosen(labels: Sequence[int]) -> tuple[Any, Any]:
        found = [at for at, label in enumerate(labels[1:]) if label != IGNORED]
        return torch.tensor(found, dtype=torch.long), torch.tensor(
            [labels[at + 1] for at in found], dtype=torch.long
        )

    lengths = [len(row["input_ids"]) for row in given]
    laid = layout.passes(lengths, self.most_tokens)
    filled = [self._filled([given[at] for at in one]) for one in laid]
    every = [row for one in filled for row in one]
    edges = [self._edges([len(row["input_ids"]) for row in one]) for one in filled]
    positions = [row.get("position_ids", range(len(row["input_ids"]))) for row in every]
    return {
        "input_ids": torch.tensor([[i for row in every for i in row["input_ids"]]]),
        "labels": torch.tensor([[i for row in every for i in scored(row)]]),
        "position_ids": torch.tensor([[i for one in positions for i in one]]),
        "cuts": tuple(accumulate(one[-1] for one in edges)),
        "bounds": [torch.tensor(one, dtype=torch.int32) for one in edges],
        "scored": [chosen([i for row in one for i in scored(row)]) for one in filled],
        "blank": (False,) * len(laid),
        "with_rows": len(laid),
        "own": sum(lengths),
    }


def _one(side: str, given: Training, out: Path) -> None:
    found = trained(side, given)
    with out.open("a", encoding="utf-8") as file:
        file.write(json.dumps(found) + "\n")


def _base(folder: Path, on_card: bool) -> None:
    write_base(folder, **{} if on_card else TINY)


def main() -> None:
    """Run both sides in turn, and print the lines."""
    given = argparse.ArgumentParser()
    given.add_argument("out", type=Path)
    given.add_argument("--methods", nargs="*", default=["lora", "full"])
    given.add_argument("--variant", default="graphs")
    given.add_argument("--pairs", type=int, default=2)
    given.add_argument("--cpu", action="store_true", help="with a tiny model")
    asked = given.parse_args()
    ready()
    on_card = not asked.cpu
    words = 150_000 if on_card else int(TINY["vocab_size"])
    some = rows(STEPS * ROWS, 300, 2048, words) if on_card else rows(STEPS * ROWS, 8, 24, words)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        process = FORK.Process(target=_base, args=(folder / "base", on_card))
        process.start()
        process.join()
        for method in asked.methods:
            usual = Training(
                folder / "base", folder / "work", some, asked.variant, method, STEPS,
                most_tokens=16384 if on_card else 80, on_card=on_card,
            )  # fmt: skip
            for pair in range(asked.pairs):
                sides = ("waiting", "ahead") if pair % 2 == 0 else ("ahead", "waiting")
                for side in sides:
                    own = replace(usual, work=folder / f"{method}-{pair}-{side}")
                    process = FORK.Process(target=_one, args=(side, own, asked.out))
                    process.start()
                    process.join()
                    shutil.rmtree(own.work, ignore_errors=True)
    print(asked.out.read_text("utf-8"))


if __name__ == "__main__":
    main()
