"""Padding-free passes against padded rows: losses, gradients, evaluations; and no row sees another.

On a CPU attention by bounds goes row by row, so that the way of the bounds through each family's
classes is the one that a card takes.
"""

import random
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch

pytest.importorskip("trl")

from lockfiles.lock import Method
from planner.data.tokens.example import IGNORED, completion
from planner.memory.family_quirks import has_bounds
from planner.models.architecture import architecture
from planner.models.families import FAMILIES
from runner.training import varlen
from runner.training.greatest import greatest_passes
from runner.training.job import Job
from runner.training.loading import load
from runner.training.make import make_trainer
from runner.training.padding_free import PaddingFree
from runner.training.train import train
from tests.few import few, of_families
from tests.runner.training.test_packing import SETTINGS, WINDOW, Heard, _model, _rows
from tests.runner.training.test_sft import base as base

pytestmark = pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing:FutureWarning")
WINDOWED: dict[str, Any] = {
    "sliding_window": WINDOW,
    "use_sliding_window": True,
    "max_window_layers": 1,
}
LORA = Method(kind="lora", rank=4, alpha=8, dropout=0.0, targets=["q_proj", "v_proj"])


def _job(base: Path, work: Path, **changes: Any) -> Job:
    source = random.Random(5)
    ids = [
        tuple(source.randrange(3, 64) for _ in range(source.randrange(6, 20))) for _ in range(20)
    ]
    rows = [completion(row, (IGNORED, IGNORED, *row[2:])) for row in ids]
    return Job(
        base, rows, rows[:7], lambda epoch: random.Random(epoch).sample(range(20), 20), LORA,
        SETTINGS.model_copy(update={"evaluate_steps": 3} | changes), work,
        packing=bool(changes),
    )  # fmt: skip


def _trained(job: Job) -> Heard:
    line = Heard()
    train(job, line)
    return line


@pytest.fixture(scope="module")
def padded(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Heard:
    return _trained(_job(base, tmp_path_factory.mktemp("padded")))


@pytest.mark.parametrize(
    ("attention", "most"), few([("varlen", 40), ("sdpa", 40), ("varlen", 500)])
)
def test_passes_change_neither_steps_nor_losses(
    base: Path, tmp_path: Path, padded: Heard, attention: str, most: int
) -> None:
    """Whether a step is one pass or several, by bounds or by a mask."""
    found = _trained(_job(base, tmp_path, attention=attention, pass_tokens=most))
    assert len(found.told) == len(padded.told) == 6
    for ours, theirs in zip(found.told, padded.told, strict=True):
        assert ours["loss"] == pytest.approx(theirs["loss"], rel=1e-5)
        assert ours["gradient_norm"] == pytest.approx(theirs["gradient_norm"], rel=1e-4)
        assert ours["learning_rate"] == theirs["learning_rate"]
        assert ours["tokens"] == theirs["tokens"]


@pytest.mark.slow
def test_an_evaluation_is_the_mean_over_scored_tokens(base: Path, tmp_path: Path) -> None:
    own = {"attention": "varlen", "micro_batch": 4, "accumulation": 1}
    some, many = (
        _trained(_job(base, tmp_path / str(most), pass_tokens=most, **own)).evaluated
        for most in (19, 500)
    )
    assert [one["loss"] for one in some] == pytest.approx([one["loss"] for one in many], rel=1e-5)
    job = _job(base, tmp_path / "one", pass_tokens=500, **own)
    alone = replace(job, validation=job.validation[:7], train=job.train.model_copy(
        update={"micro_batch": 20}))  # fmt: skip
    whole = _trained(alone).evaluated
    assert whole[0]["loss"] == pytest.approx(many[0]["loss"], rel=0.02)


def test_an_evaluation_fills_its_passes(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its rows are not taken by the micro-batch of training."""
    batches: list[list[int]] = []
    laid_out = PaddingFree.__call__

    def laid(self: PaddingFree, rows: Any) -> dict[str, Any]:
        found = laid_out(self, rows)
        batches.append([last - first for first, last in pairwise((0, *found["cuts"]))])
        return found

    job = _job(base, tmp_path, attention="varlen", pass_tokens=40, micro_batch=2, accumulation=1)
    trainer = make_trainer(job, load(job.base, job.method, job.train), [])
    monkeypatch.setattr(PaddingFree, "__call__", laid)
    trainer.evaluate()
    tokens = sum(row.length for row in job.validation)
    (passes,) = batches
    assert sum(passes) == tokens
    assert max(passes) <= 40 < tokens
    assert len(passes) <= -(-tokens // 40) + 1


def test_a_row_of_an_evaluation_may_be_longer_than_a_pass(base: Path, tmp_path: Path) -> None:
    own = {"attention": "varlen", "pass_tokens": 19}
    job = _job(base, tmp_path / "passes", **own)
    long = [completion(tuple(range(3, 60)), (IGNORED, *range(4, 60))), *job.validation[:2]]
    found = _trained(replace(job, validation=long)).evaluated
    padded = replace(_job(base, tmp_path / "padded"), validation=long[:1])
    alone = _trained(padded).evaluated
    one = _trained(replace(job, validation=long[:1], work=tmp_path / "one")).evaluated
    assert len(found) == len(one)
    assert one[0]["loss"] == pytest.approx(alone[0]["loss"], rel=1e-4)


def test_a_step_without_scored_tokens_changes_nothing(base: Path, tmp_path: Path) -> None:
    own = {"attention": "varlen", "pass_tokens": 17, "micro_batch": 2, "accumulation": 1}
    rows = [
        completion((5,), (5,)),
        completion((7, 8), (IGNORED, IGNORED)),
        completion((6,), (IGNORED,)),
        completion(tuple(range(3, 20)), (IGNORED, *range(4, 20))),
    ]
    job = _job(base, tmp_path, **own)
    found = _trained(replace(job, rows=rows, validation=rows, order=lambda _: range(4)))
    nothing, something = found.told[:2]
    assert (nothing["loss"], nothing["gradient_norm"], nothing["tokens"]) == (0, 0, 3)
    assert something["loss"] > 1 and something["gradient_norm"] > 0
    assert found.evaluated[0]["loss"] > 1


def test_the_greatest_pass_is_one_that_occurs(base: Path, tmp_path: Path) -> None:
    job = _job(base, tmp_path, pass_tokens=60)
    sizes = []
    for epoch in range(job.train.epochs):
        order = job.order(epoch)
        for first in range(0, 20, 8):
            rows = [
                {"input_ids": job.rows[row]["completion"].input_ids, "labels": [0]}
                for row in order[first : first + 8]
            ]
            cuts = (0, *PaddingFree(60, 19, bounded=True)(rows)["cuts"])
            sizes += [last - before for before, last in pairwise(cuts)]
    (found,) = greatest_passes(job)
    assert sum(len(row["input_ids"]) for row in found) == max(sizes) <= 60


def test_code_that_is_compiled_for_one_pass_takes_those_of_a_step() -> None:
    """Their positions are no part of a larger tensor, on whose size such code would depend, and a
    pass without rows has more than one token, for which code is compiled by itself."""
    joined = PaddingFree(20, 14, bounded=True)
    graphs = list[Any]()

    def counted(graph: Any, _: object) -> Any:
        graphs.append(graph)
        return graph.forward

    @torch.compile(backend=counted, dynamic=True)
    def layer(hidden: torch.Tensor, position_ids: torch.Tensor) -> torch.Tensor:
        return hidden * position_ids[..., None]

    for lengths in ((18,), (9, 14, 6, 11, 3), (7, 5), (16, 15)):
        rows = [{"input_ids": range(3, 3 + n), "labels": range(n)} for n in lengths]
        for one in joined.passes(joined(rows)):
            layer(torch.ones(1, one["input_ids"].shape[1], 8), one["position_ids"])
    without_rows = replace(joined, rank=1, ranks=2)
    (one,) = without_rows.passes(without_rows(rows[:1]))
    layer(torch.ones(1, one["input_ids"].shape[1], 8), one["position_ids"])
    assert len(graphs) == 1


@torch.no_grad()
def _difference(family: str, *, leak: bool = False, **changes: Any) -> float:
    """Return the greatest difference between logits in a pass and those of rows by themselves."""
    varlen.register()
    model, rows = _model(family, **changes), _rows()
    alone = [
        model(input_ids=torch.tensor([row["input_ids"]]), use_cache=False).logits[0] for row in rows
    ]
    model.set_attn_implementation(varlen.NAME)
    joined = PaddingFree(100, 14, bounded=True)
    (one,) = joined.passes(joined(rows))
    if leak:
        one["cu_seq_lens_q"] = one["cu_seq_lens_q"][[0, -1]]
    del one["labels"]
    together = model(**one, use_cache=False).logits[0]
    apart = torch.cat(alone)
    return float((together - apart).abs().max() / apart.abs().max())


def _has_bounds(family: str, **changes: Any) -> bool:
    config = _model(family, **changes).config.to_dict() | {"model_type": family}
    return has_bounds(architecture(config, family))


@pytest.mark.parametrize("family", of_families(FAMILIES))
def test_no_row_of_a_pass_sees_another(family: str) -> None:
    for changes in ({}, WINDOWED):
        if _has_bounds(family, **changes):
            assert _difference(family, **changes) < 1e-5


@pytest.mark.parametrize("family", ["olmoe", "qwen2_moe"])
def test_families_whose_attention_has_another_window_than_its_mask(family: str) -> None:
    assert _has_bounds(family)
    assert not _has_bounds(family, **WINDOWED)
    assert _difference(family, **WINDOWED) > 1e-2


def test_a_leak_between_rows_is_seen() -> None:
    assert _difference("llama", leak=True) > 1e-2
