"""`python -m tests.fp8_demo OUT.jsonl [--small] [--only TEXT]`: what FP8 products do to accuracy.

Trains the built-in demo, whose base is really pretrained, on a CPU in float32: with plain
products of its frozen layers, and in FP8 with gradients in e4m3 or in e5m2, three seeds each. Then
the adapter is evaluated on the plain base, as later stages do: on the demo's held-out rows and,
for what was forgotten, on rows of the pretraining text with other intents. Trainings that OUT has
are not run again. Prints a table.
"""

import argparse
import contextlib
import gzip
import json
import statistics
import tempfile
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer
from transformers import set_seed

from lockfiles import lock as locks
from lockfiles.lock import TrainingLock
from planner.data.corpus.corpus import Corpus
from planner.data.tokens.example import COMPLETION, IGNORED
from planner.data.tokens.order import epoch_order
from runner.demo import files
from runner.demo.make_base import HERE, as_text
from runner.evaluation.score import Question, evaluate
from runner.inputs import verify
from runner.training.adapter import adapted
from runner.training.fp8 import E4M3, E5M2, Way, in_fp8
from runner.training.job import Job
from runner.training.loading import load, load_checked
from runner.training.make import make_trainer
from tests.journeys.demo_folder import small, tunelock

WAYS: dict[str, Way | None] = {"plain": None, "e4m3": Way(E4M3), "e5m2": Way(E5M2)}
SEEDS = (17, 18, 19)
FORGOTTEN_ROWS = 400
"""Rows of other intents, evenly from the pretraining text."""


def demo(folder: Path, *, cut: bool) -> tuple[TrainingLock, Corpus]:
    """Plan the demo in a folder, with few rows if it is to be cut, and return its lock and rows."""
    if cut:
        small(folder, train__epochs=1)
    else:
        files.write(folder)
    planned = tunelock(folder, "plan", "run.toml")
    assert planned.returncode == 0, planned.stderr
    lock = locks.read(folder / "run.lock").training()
    places = {name: folder / "rows" / f"{name}.jsonl" for name in ("train", "test")}
    return lock, verify.corpus_of(lock, folder / "base", places)


def trained(
    folder: Path, lock: TrainingLock, rows: Corpus, way: Way | None, seed: int
) -> dict[str, Any]:
    """Return the losses and scores of a training."""
    base, work = folder / "base", folder / f"{way and way.backward}-{seed}"
    every = {part.split: part.encoded for part in rows.parts}
    job = Job(
        base=base,
        rows=every["train"],
        validation=every["validation"],
        order=lambda epoch: epoch_order(len(every["train"]), seed, epoch),
        method=lock.method,
        train=lock.train.model_copy(update={"seed": seed}),
        work=work,
        pad_id=lock.template.pad_id,
    )
    set_seed(seed)
    with contextlib.redirect_stdout(None):
        trainer = make_trainer(job, load(base, job.method, job.train), [])
        replaced = sum(1 for _ in in_fp8(trainer.model, way)) if way else 0
        trainer.train()
        trainer.save_model(str(work / "result"))
    history = trainer.state.log_history
    losses = [line["loss"] for line in history if "loss" in line]
    plain = load_checked(base, dtype=torch.float32, attn_implementation="sdpa")
    scored = partial(evaluate, pad_id=lock.template.pad_id, end_ids=lock.template.end_ids)
    tuned = adapted(plain, work / "result", job.method)
    test = scored(tuned, [Question(row[COMPLETION].input_ids, row[COMPLETION].labels)
                          for row in every["test"]])  # fmt: skip
    other = scored(tuned, others(base))
    return {
        "seed": seed, "replaced": replaced, "losses": losses,
        "validation": min(line["eval_loss"] for line in history if "eval_loss" in line),
        "accuracy": test.accuracy, "loss": test.loss,
        "other_accuracy": other.accuracy, "other_loss": other.loss,
    }  # fmt: skip


def others(base: Path) -> list[Question]:
    """Return rows of the pretraining text with intents that the demo does not train."""
    text = gzip.decompress((HERE / "pretrain.jsonl.gz").read_bytes())
    rows = [json.loads(line) for line in text.decode().strip().split("\n")]
    labeled = [row for row in rows if "label" in row]
    tokenizer = Tokenizer.from_file(str(base / "tokenizer.json"))
    return list(_questions(labeled[:: len(labeled) // FORGOTTEN_ROWS][:FORGOTTEN_ROWS], tokenizer))


def _questions(rows: Sequence[dict[str, Any]], tokenizer: Tokenizer) -> Iterator[Question]:
    for row in rows:
        ids = tokenizer.encode(as_text(row)).ids
        answer = tokenizer.encode(f"{row['label']}<|im_end|>").ids
        assert ids[-len(answer) :] == answer
        yield Question(ids, [IGNORED] * (len(ids) - len(answer)) + answer)


def summary(found: Sequence[dict[str, Any]]) -> Iterator[str]:
    """Yield the table: each training, and the mean of each way."""
    names = ("validation", "loss", "accuracy", "other_loss", "other_accuracy")
    yield (
        "| products | seed | last loss | validation | held-out loss | accuracy | others' loss "
        "| others' accuracy |"
    )
    yield "|---" * 8 + "|"
    for way in dict.fromkeys(line["way"] for line in found):
        own = [line for line in found if line["way"] == way]
        for line in own:
            yield _row(way, line["seed"], [_last(line), *(line[name] for name in names)])
        means = [statistics.fmean(map(_last, own))]
        means += [statistics.fmean(line[name] for line in own) for name in names]
        yield _row(way, "mean", means)


def _last(line: dict[str, Any]) -> float:
    return statistics.fmean(line["losses"][-20:])


def _row(way: str, seed: object, values: Sequence[float]) -> str:
    return f"| {way} | {seed} | {' | '.join(f'{one:.4f}' for one in values)} |"


def main() -> None:
    """Train every way with each seed."""
    given = argparse.ArgumentParser()
    given.add_argument("out", type=Path)
    given.add_argument("--small", action="store_true", help="few rows, one epoch")
    given.add_argument("--only", default="", help="only ways with this text")
    asked = given.parse_args()
    torch.set_num_threads(1)
    found = _read(asked.out)
    with tempfile.TemporaryDirectory() as place:
        lock, rows = demo(Path(place), cut=asked.small)
        for seed in SEEDS:
            for name, way in WAYS.items():
                done = any((one["way"], one["seed"]) == (name, seed) for one in found)
                if asked.only in name and not done:
                    line = {"way": name, **trained(Path(place), lock, rows, way, seed)}
                    found.append(line)
                    with asked.out.open("a", encoding="utf-8") as file:
                        file.write(json.dumps(line) + "\n")
    print("\n".join(summary(sorted(found, key=lambda one: list(WAYS).index(one["way"])))))


def _read(path: Path) -> list[dict[str, Any]]:
    text = path.read_text("utf-8") if path.exists() else ""
    return [json.loads(line) for line in text.splitlines()]


if __name__ == "__main__":
    main()
