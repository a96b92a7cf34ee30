"""Evaluate: the base model against the tuned model, on held-out rows.

All processes of the lock take part. Each has a copy of the model, and batches of rows are evaluated
in turn, so that scores and answers do not depend on how many there are.
"""

import gc
import os
import signal
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import PreTrainedModel

from lockfiles.errors import Stopped
from lockfiles.lock import TrainingLock
from lockfiles.receipt import Score
from planner.data.tokens.encode import load_tokenizer
from planner.data.tokens.example import COMPLETION, Encoded
from planner.data.tokens.tokenizer import Tokenizer
from runner.engines.ranks import Ranks
from runner.evaluation.placement import Placement, placed
from runner.evaluation.score import Question, evaluate
from runner.evaluation.turns import Turns
from runner.inputs import verify
from runner.inputs.view import View
from runner.stages.context import Context
from runner.stages.made import left
from runner.stages.rows import picked, prepared, shown, wanted
from runner.training.adapter import adapted
from runner.training.determinism import settle
from runner.training.kernels import torch_only
from runner.training.loading import load_checked

_Sample = tuple[Encoded, list[dict[str, str]]]
"""A held-out row, and its messages."""


def run(given: Context) -> dict[str, Any]:
    """Score both models, send an event for each, and show some answers of the tuned model."""
    lock = given.lock.training()
    settle(lock.exactness.threads)
    with given.engine.joined() as ranks, given.own_folder() as own:
        if ranks.count > 1:
            _stop_immediately()
        return _run(given, lock, ranks, own)


def _stop_immediately() -> None:
    """End this process on SIGTERM, whatever it computes, since no work is saved. The others of its
    group then end too."""
    signal.signal(signal.SIGTERM, lambda *_: os._exit(Stopped.exit_code))


def _run(given: Context, lock: TrainingLock, ranks: Ranks, own: Path) -> dict[str, Any]:
    rows = [row[COMPLETION] for row in prepared(given, given.settings["rows"])]
    placement = placed(lock, _questions(rows), ranks)
    _send_placement(given, placement)
    stage = _Stage(given, lock, rows, placement, Turns(ranks, placement.holders))
    with verify.model_of(lock, given.model, own, meanwhile=True) as view:
        model = stage.load(view)
        scores = {"base": stage.score(model, "base")}
        with left(given, "train", own) as trained:
            if lock.method.kind == "full":
                model = None  # makes room for the tuned one
                gc.collect()
                model = stage.load(trained)
            elif model is not None:
                model = adapted(model, trained.folder, lock.method)
        scores["tuned"] = stage.score(model, "tuned")
        stage.show(model, load_tokenizer(view.folder))
    return {name: asdict(score) for name, score in scores.items()}


def _send_placement(given: Context, placement: Placement) -> None:
    if placement.why:
        given.line.send("warning", text=placement.why)
    elif placement.holders > 1:
        what = f"loading a copy of the model in each of {placement.holders} processes"
        given.line.send("progress", what=what, done=0, total=1, unit="models")


def _questions(rows: list[Encoded]) -> list[Question]:
    return [Question(row.input_ids, row.labels) for row in rows]


@dataclass(frozen=True)
class _Stage:
    """This process's part of the evaluation. All methods but `load` are collective calls, whose
    `model` is None in a process that does not hold it."""

    given: Context
    lock: TrainingLock
    rows: list[Encoded]
    placement: Placement
    turns: Turns

    def load(self, view: View) -> PreTrainedModel | None:
        """Return the model of a view, where this process holds it."""
        if not self.turns.holds:
            return None
        if not self.placement.form:
            torch_only()
        attention = self.lock.train.attention
        model: PreTrainedModel = load_checked(
            view.folder,
            dtype=getattr(torch, self.lock.train.dtype),
            attn_implementation="sdpa" if attention == "varlen" else attention,
            **self.placement.form,
        )
        view.check()
        return model

    def score(self, model: PreTrainedModel | None, name: str) -> Score:
        """Score a model and send its `evaluation` event."""

        def on_progress(done: int) -> None:
            what, total = f"evaluating the {name} model", len(self.rows)
            self.given.line.send("progress", what=what, done=done, total=total, unit="rows")

        score = evaluate(
            model,
            _questions(self.rows),
            pad_id=self.lock.template.pad_id,
            end_ids=self.lock.template.end_ids,
            batch=self.placement.rows,
            turns=self.turns,
            on_progress=on_progress,
        )
        self.given.line.send("evaluation", model=name, **asdict(score))
        return score

    def show(self, model: PreTrainedModel | None, tokenizer: Tokenizer) -> None:
        """Send the tuned model's greedy answers to a few held-out rows."""
        rows = picked(self.rows, self.lock.samples)
        samples = list(zip(rows, shown(self.given, len(rows)), strict=True))

        def answered(sample: _Sample) -> dict[str, str]:
            assert model is not None
            return self._answered(model, tokenizer, *sample)

        for answers in self.turns.over(samples, answered):
            for fields in answers:
                self.given.line.send("sample", source="tuned", **fields)

    def _answered(
        self, model: PreTrainedModel, tokenizer: Tokenizer, row: Encoded, said: list[dict[str, str]]
    ) -> dict[str, str]:
        """Return the fields of a `sample` event."""
        template = self.lock.template
        prompt = list(row.input_ids[: Question(row.input_ids, row.labels).answer_begins])
        right = wanted(row)
        ids = torch.tensor([prompt], device=model.device)
        with torch.inference_mode():
            output = model.generate(
                input_ids=ids,
                attention_mask=torch.ones_like(ids),
                max_new_tokens=len(right) + 8,
                do_sample=False,
                pad_token_id=template.pad_id,
                eos_token_id=list(template.end_ids),
            )
        generated = output[0, len(prompt) :].tolist()
        return {
            "prompt": said[-2]["content"] if len(said) > 1 else "",
            "answer": tokenizer.decode(generated, skip_special_tokens=True).strip(),
            "wanted": tokenizer.decode(right, skip_special_tokens=True).strip(),
        }
