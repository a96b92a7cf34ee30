"""Evaluate: the base model against the tuned model, on held-out rows."""

from dataclasses import asdict
from typing import Any

import torch
from transformers import PreTrainedModel

from lockfiles.lock import Train
from lockfiles.receipt import Score
from planner.data.tokens.encode import load_tokenizer
from planner.data.tokens.example import COMPLETION, Encoded
from planner.data.tokens.tokenizer import Tokenizer
from runner.evaluation.score import Question, evaluate
from runner.inputs import verify
from runner.inputs.view import View
from runner.stages.context import Context
from runner.stages.made import left
from runner.stages.rows import picked, prepared, shown, wanted
from runner.training.adapter import adapted
from runner.training.determinism import use_threads
from runner.training.loading import load_checked


def run(given: Context) -> dict[str, Any]:
    """Score both models, send an event for each, and show some answers of the tuned model."""
    lock = given.lock.training()
    use_threads(lock.exactness.threads)
    rows = [row[COMPLETION] for row in prepared(given, given.settings["rows"])]
    with verify.model_of(lock, given.model, given.work, meanwhile=True) as view:
        base = _load(view, lock.train)
        scores = {"base": _score(given, base, rows, "base")}
        with left(given, "train") as trained:
            if lock.method.kind == "full":
                tuned = _load(trained, lock.train)
            else:
                tuned = adapted(base, trained.folder, lock.method)
        scores["tuned"] = _score(given, tuned, rows, "tuned")
        _show(given, tuned, rows, load_tokenizer(view.folder))
    return {name: asdict(score) for name, score in scores.items()}


def _load(view: View, settings: Train) -> PreTrainedModel:
    model = load_checked(
        view.folder,
        dtype=getattr(torch, settings.dtype),
        attn_implementation="sdpa" if settings.attention == "varlen" else settings.attention,
    )
    view.check()
    return model.to("cuda" if torch.cuda.is_available() else "cpu")


def _questions(rows: list[Encoded]) -> list[Question]:
    return [Question(row.input_ids, row.labels) for row in rows]


def _score(given: Context, model: PreTrainedModel, rows: list[Encoded], name: str) -> Score:
    def on_progress(done: int) -> None:
        given.line.send(
            "progress", what=f"evaluating the {name} model", done=done, total=len(rows), unit="rows"
        )

    template = given.lock.training().template
    score = evaluate(
        model,
        _questions(rows),
        pad_id=template.pad_id,
        end_ids=template.end_ids,
        on_progress=on_progress,
    )
    given.line.send("evaluation", model=name, **asdict(score))
    return score


def _show(
    given: Context, model: PreTrainedModel, rows: list[Encoded], tokenizer: Tokenizer
) -> None:
    """Send the tuned model's greedy answers to a few held-out rows."""
    template = given.lock.training().template
    shown_rows = picked(rows, given.lock.samples)
    for row, turns in zip(shown_rows, shown(given, len(shown_rows)), strict=True):
        question = Question(row.input_ids, row.labels)
        prompt = list(row.input_ids[: question.answer_begins])
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
        given.line.send(
            "sample",
            source="tuned",
            prompt=turns[-2]["content"] if len(turns) > 1 else "",
            answer=tokenizer.decode(generated, skip_special_tokens=True).strip(),
            wanted=tokenizer.decode(right, skip_special_tokens=True).strip(),
        )
