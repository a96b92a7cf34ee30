"""`python -m tests.gpu.many_shapes OUT.jsonl [--pairs 2] [--cpu]`.

Whether attention that is built anew for each shape slows down micro-batches of many lengths. The
training of `tests.gpu.exact` as torch chooses its attention, and without cuDNN's, in turn, each in
a process of its own. The rate of all steps but the first counts, and the median rate beside it.
The same for a greedy generation, whose keys grow with each token.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.gpu.exact import FORK, LONGEST_SECONDS, SHAPE, TINY, Cell, training
from tests.gpu.lines import added, every
from tests.gpu.shapes import write_base
from tests.gpu.variants import ROWS, Trained, Training, forked, ready, run

GENERATION = Cell("lora", "varlen", False)
"""A cell that generates instead."""
CELLS = (
    Cell("lora", "padded", False), Cell("full", "padded", False), Cell("lora", "mask", False),
    GENERATION,
)  # fmt: skip
Line = dict[str, Any]


NEW_TOKENS = 48
SIDES = ("usual", "without cuDNN")


def _without() -> None:
    import torch

    torch.backends.cuda.enable_cudnn_sdp(False)


def without(given: Training) -> Trained:
    """Train without cuDNN's attention."""
    _without()
    return run(given)


def generated(given: Training) -> Trained:
    """Generate from the base, as the evaluation does: of padded rows, several batches."""
    import torch
    from transformers import AutoModelForCausalLM

    found = Trained()
    device = "cuda" if given.on_card else "cpu"
    model = AutoModelForCausalLM.from_pretrained(given.base, dtype=torch.bfloat16).to(device)
    for batch in range(4):
        ids = torch.randint(3, 900, (ROWS, 150 + 37 * batch), device=device)
        mask = torch.ones_like(ids)
        mask[: ROWS // 2, :20] = 0
        began = time.monotonic()
        made = model.generate(
            input_ids=ids, attention_mask=mask, do_sample=False, max_new_tokens=NEW_TOKENS,
            min_new_tokens=NEW_TOKENS, pad_token_id=0,
        )  # fmt: skip
        found.tokens.append(int(made.shape[1] - ids.shape[1]) * ROWS)
        found.seconds.append(time.monotonic() - began)
        found.losses.append(float(made.float().mean()))
    return found


def generated_without(given: Training) -> Trained:
    """Generate without cuDNN's attention."""
    _without()
    return generated(given)


WAYS = {
    ("train", "usual"): run, ("train", "without cuDNN"): without,
    ("generate", "usual"): generated, ("generate", "without cuDNN"): generated_without,
}  # fmt: skip


def measured(cell: Cell, side: str, given: Training) -> Line:
    """Return the rates of a training, or of a generation."""
    kind = "generate" if cell == GENERATION else "train"
    found = forked(WAYS[kind, side], given, LONGEST_SECONDS)
    rates = [n / took for n, took in zip(found.tokens, found.seconds, strict=True)][1:]
    return {
        "cell": cell.name if kind == "train" else "generation", "side": side,
        "error": found.error, "peak_bytes": found.peak_bytes,
        "tokens_per_second": round(sum(found.tokens[1:]) / sum(found.seconds[1:])) if rates else 0,
        "median_tokens_per_second": round(statistics.median(rates)) if rates else 0,
        "step_seconds": [round(one, 4) for one in found.seconds], "losses": found.losses[-2:],
    }  # fmt: skip


def summary(found: Sequence[Line]) -> Iterator[str]:
    """Yield a line for each training."""
    for one in found:
        rate, median = one["tokens_per_second"], one["median_tokens_per_second"]
        yield f"{one['cell']}, {one['side']}: {rate:,} tokens/s, median {median:,} {one['error']}"


def main() -> None:
    """Run all sides in turn, and print the lines."""
    given = argparse.ArgumentParser(prog="tests.gpu.many_shapes")
    given.add_argument("out", type=Path)
    given.add_argument("--pairs", type=int, default=2)
    given.add_argument("--cpu", action="store_true", help="with a tiny model")
    asked = given.parse_args()
    ready()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        shape = TINY if asked.cpu else SHAPE
        base = FORK.Process(target=write_base, args=(folder / "base",), kwargs=dict(shape))
        base.start()
        base.join()
        for pair in range(asked.pairs):
            for cell in CELLS:
                for side in SIDES if pair % 2 == 0 else reversed(SIDES):
                    own = training(cell, folder, at_length=True, on_card=not asked.cpu)
                    work = own.work / f"{pair}-{side.replace(' ', '-')}"
                    added(asked.out, measured(cell, side, replace(own, work=work)))
    print("\n".join(summary(every(asked.out))))


if __name__ == "__main__":
    main()
