"""Evaluation on the shipped base, against the plain computation row by row."""

import json
import shutil
from pathlib import Path

import pytest

pytest.importorskip("transformers")

import torch
from transformers import AutoModelForCausalLM

import runner.demo
from planner.data.reading.formats import load_table
from planner.data.tokens.encode import encode, load_tokenizer
from planner.data.tokens.example import COMPLETION
from planner.data.tokens.template import load_template
from runner.evaluation import score
from runner.evaluation.score import Question, evaluate
from runner.training.loading import SAFE

DEMO = Path(runner.demo.__file__).parent


@pytest.fixture(scope="module")
def questions() -> list[Question]:
    template, tokenizer = load_template(DEMO / "base"), load_tokenizer(DEMO / "base")
    rows = list(load_table(DEMO / "rows" / "test.jsonl").rows)[::30]
    encoded = [encode(row, template, tokenizer)[COMPLETION] for row in rows]
    return [Question(row.input_ids, row.labels) for row in encoded]


def test_batches_give_what_single_rows_give(questions: list[Question]) -> None:
    model = AutoModelForCausalLM.from_pretrained(DEMO / "base", dtype=torch.float32)
    pad_id, end_ids = model.config.pad_token_id, [model.config.eos_token_id]
    found = evaluate(model, questions, pad_id=pad_id, end_ids=end_ids, batch=4)
    loss, tokens, right = 0.0, 0, 0
    for row in questions:
        ids, labels = torch.tensor([row.input_ids]), torch.tensor([row.labels])
        with torch.inference_mode():
            scored = int((labels[:, 1:] != -100).sum())
            loss += float(model(input_ids=ids, labels=labels).loss) * scored
            begin = row.answer_begins
            out = model.generate(ids[:, :begin], max_new_tokens=40, do_sample=False)[0, begin:]
        tokens += scored
        right += out.tolist() == list(row.input_ids[begin : begin + len(out)])
    assert found.loss == pytest.approx(loss / tokens, rel=1e-4)
    assert found.accuracy == right / len(questions)
    assert found.rows == len(questions) == 15


def right(folder: Path, questions: list[Question]) -> float:
    """Return the share of right answers of a model in a folder."""
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, **SAFE)
    return evaluate(model, questions, pad_id=0, end_ids=[2]).accuracy


@pytest.fixture(scope="module")
def usual(questions: list[Question]) -> float:
    """The share of right answers of the shipped base."""
    return right(DEMO / "base", questions)


@pytest.mark.parametrize(
    "settings",
    [
        {"return_dict_in_generate": True},
        {"max_time": 1e-4, "no_repeat_ngram_size": 1, "suppress_tokens": [2]},
        {"num_return_sequences": 3},
        {"watermarking_config": 5},
        {"cache_implementation": "evil"},
    ],
)
def test_answers_are_greedy_whatever_a_model_says(
    questions: list[Question], usual: float, settings: dict[str, object], tmp_path: Path
) -> None:
    base = Path(shutil.copytree(DEMO / "base", tmp_path / "base"))
    (base / "generation_config.json").write_text(json.dumps(settings))
    assert right(base, questions) == usual


def test_the_answer_is_the_last_scored_stretch() -> None:
    assert Question([5, 6, 7, 8, 9], [-100, 6, -100, 8, 9]).answer_begins == 3


def test_no_rows_is_an_error() -> None:
    model = AutoModelForCausalLM.from_pretrained(DEMO / "base")
    with pytest.raises(ValueError, match="no held-out rows"):
        evaluate(model, [], pad_id=0, end_ids=[2])


def test_how_rows_are_batched_changes_no_score(
    questions: list[Question], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither few tokens of a batch, nor few logits at a time."""
    model = AutoModelForCausalLM.from_pretrained(DEMO / "base", dtype=torch.float32)
    pad_id, end_ids = model.config.pad_token_id, [model.config.eos_token_id]
    done: list[int] = []
    usual = evaluate(model, questions, pad_id=pad_id, end_ids=end_ids, on_progress=done.append)
    assert done == [15]
    longest = max(len(row.input_ids) for row in questions)
    monkeypatch.setattr(score, "MOST_TOKENS", 2 * longest)
    monkeypatch.setattr(score, "LOGITS_BYTES", 4 * model.config.vocab_size * (longest - 3))
    small = evaluate(model, questions, pad_id=pad_id, end_ids=end_ids, on_progress=done.append)
    assert len(done) > 5 and done[-1] == 15
    assert small.loss == pytest.approx(usual.loss, rel=1e-5)
    assert (small.accuracy, small.rows) == (usual.accuracy, usual.rows)
