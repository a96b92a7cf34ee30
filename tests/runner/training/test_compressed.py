"""Rows that are shorter than what a layer compresses to one entry."""

import warnings
from typing import Any

import pytest
import torch

pytest.importorskip("trl")

from runner.training.adapter import freeze
from runner.training.compressed import use_all_weights
from runner.training.loaded import class_of
from tests.runner.engines.families import config_of, every

LENGTHS = (1, 2, 3, 24)


def made(family: str) -> Any:
    torch.manual_seed(1)
    config = config_of(family)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = class_of(config.to_dict()).from_config(config).float()
    freeze(model)
    return model.eval()  # without dropout


def passed(model: Any, tokens: int) -> torch.Tensor:
    """Return the logits of two rows; their gradients are in the model."""
    ids = torch.arange(3, 3 + 2 * tokens).reshape(2, tokens)
    model.zero_grad()
    found: torch.Tensor = model(input_ids=ids, use_cache=False).logits
    torch.autograd.backward(found.logsumexp(-1).sum())
    return found.detach()


def unused(model: Any) -> list[str]:
    return [
        name for name, one in model.named_parameters()
        if one.requires_grad and (one.grad is None or not one.grad.isfinite().all())
    ]  # fmt: skip


def test_a_compressor_uses_all_weights_and_changes_no_logits() -> None:
    model = made("deepseek_v4")
    before = {tokens: passed(model, tokens) for tokens in LENGTHS}
    passed(model, 1)
    assert {name.split(".")[4] for name in unused(model)} == {"compressor"}
    use_all_weights(model)
    for tokens in LENGTHS:
        assert torch.equal(passed(model, tokens), before[tokens])
        assert unused(model) == []


def test_short_answers_are_generated_as_before() -> None:
    model = made("deepseek_v4")
    ids = torch.tensor([[3, 4]])
    before = model.generate(ids, max_new_tokens=8, do_sample=False)
    use_all_weights(model)
    assert torch.equal(model.generate(ids, max_new_tokens=8, do_sample=False), before)


@pytest.mark.slow
@pytest.mark.parametrize("family", every())
def test_short_rows_have_gradients_of_all_trained_weights(family: str) -> None:
    """Otherwise processes with rows of different lengths would wait for each other forever."""
    model = made(family)
    use_all_weights(model)
    for tokens in LENGTHS:
        passed(model, tokens)
        assert unused(model) == []
