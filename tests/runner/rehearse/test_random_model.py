"""Models of real shapes with random weights."""

from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("trl")
pytest.importorskip("peft")

import torch

from runner.engines.ranks import Alone
from runner.rehearse.case import Case
from runner.rehearse.job import job_of
from runner.rehearse.random_model import _handed_out, _Slice, random_model
from tests.planner.memory.test_memory import PLAN

GLM = {
    "model_type": "glm", "vocab_size": 64, "hidden_size": 32, "intermediate_size": 48,
    "num_hidden_layers": 1, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 8,
}  # fmt: skip


def test_the_padding_token_of_the_class_may_be_outside_of_the_vocabulary() -> None:
    """The tokenizers of glm-edge are smaller than that of GLM-4, whose padding is the default."""
    plan = replace(PLAN, device="cpu", dtype="float32", method="full", targets=(), rank=0)
    model = random_model(GLM, plan, 1)
    assert model.config.pad_token_id is None
    assert model.get_input_embeddings().num_embeddings == 64


@pytest.mark.parametrize("rank", [0, 1])
@pytest.mark.parametrize("engine", ["ddp", "zero2", "zero3", "fsdp2"])
def test_what_is_shared_is_created_in_one_process(engine: str, rank: int, tmp_path: Path) -> None:
    plan = replace(PLAN, device="cpu", dtype="float32", parallel=engine, ranks=2)
    case = Case("any", GLM, plan, parallel={"engine": engine, "processes": 2})
    job = job_of(case, Alone(rank, 2), lambda: random_model(GLM, plan, 1), tmp_path)
    weights = {"one": _Slice(torch.Size([30, 50]), torch.float32, "cpu")}
    found = _handed_out(weights, job)["one"]
    if engine != "zero3":
        assert isinstance(found, _Slice), "the loader creates each when it takes it"
    else:
        assert found.shape == (30, 50) and found.is_meta == (rank == 1)


def test_numbers_in_main_memory_spread_like_a_model_s() -> None:
    made = _Slice(torch.Size([2048, 1024]), torch.bfloat16, "cpu")[...]
    assert 0.018 < float(made.float().std()) < 0.022
    assert len({tuple(row.tolist()) for row in made[:, :8].float()}) == 2048, "no rows are alike"
