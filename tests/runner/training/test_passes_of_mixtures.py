"""Padding-free passes of a mixture: the loss of its router counts once a step, and tokens once."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

pytest.importorskip("trl")

from planner.data.tokens.example import IGNORED, completion
from runner.training.job import Job
from runner.training.train import train
from tests.runner.training.test_packing import SETTINGS, Heard
from tests.runner.training.test_padding_free import LORA
from tests.runner.training.test_sft import base as base

pytestmark = pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing:FutureWarning")
LENGTH = 10


@pytest.fixture(scope="module")
def mixture(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    from transformers import MixtralConfig, MixtralForCausalLM, PreTrainedTokenizerFast

    folder = tmp_path_factory.mktemp("mixture")
    torch.manual_seed(1)
    config = MixtralConfig(
        vocab_size=64, hidden_size=32, intermediate_size=32, num_hidden_layers=2,
        num_attention_heads=4, num_key_value_heads=2, num_local_experts=4, sliding_window=None,
        pad_token_id=0, eos_token_id=1, bos_token_id=2, output_router_logits=True,
        router_aux_loss_coef=10.0,
    )  # fmt: skip
    MixtralForCausalLM(config).save_pretrained(folder)
    PreTrainedTokenizerFast.from_pretrained(base).save_pretrained(folder)
    return folder


def test_the_loss_of_a_router_is_the_mean_over_the_passes_of_a_step(
    mixture: Path, tmp_path: Path
) -> None:
    """Each pass is one row, as each padded micro-batch is."""
    ids = [tuple((7 * row + 3 * at) % 60 + 3 for at in range(LENGTH)) for row in range(8)]
    rows = [completion(row, (IGNORED, *row[1:])) for row in ids]
    settings = SETTINGS.model_copy(
        update={"micro_batch": 1, "accumulation": 4, "evaluate_steps": 2, "epochs": 1}
    )
    job = Job(mixture, rows, rows[:4], lambda _: range(8), LORA, settings, tmp_path / "padded")
    passes = replace(
        job, work=tmp_path / "passes", packing=True,
        train=settings.model_copy(update={"attention": "varlen", "pass_tokens": LENGTH}),
    )  # fmt: skip
    padded, found = Heard(), Heard()
    train(job, padded)
    train(passes, found)
    assert len(found.told) == len(padded.told) == 2
    for ours, theirs in zip(found.told, padded.told, strict=True):
        assert theirs["loss"] > 10, "the router's loss is most of it"
        assert ours["loss"] == pytest.approx(theirs["loss"], rel=1e-5)
        assert ours["gradient_norm"] == pytest.approx(theirs["gradient_norm"], rel=1e-4)
        assert ours["tokens"] == theirs["tokens"]
    (ours,), (theirs,) = found.evaluated, padded.evaluated
    assert ours["loss"] == pytest.approx(theirs["loss"], rel=1e-5)
