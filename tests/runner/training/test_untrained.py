"""Parameters that no gradient reaches: frozen in training, and not counted as trained."""

import warnings
from dataclasses import replace

import pytest
import torch

from planner.memory.trainable import trained_parameters
from planner.models.facts import ModelFacts, architecture, parameter_count
from planner.models.families import FAMILIES
from runner.trace.text_only import from_config
from tests.planner.memory.test_memory import PLAN
from tests.runner.inputs.test_parameter_count import tiny

FULL = replace(PLAN, method="full", targets=(), rank=0)


@pytest.mark.parametrize("family", [name for name, one in FAMILIES.items() if one.blocks])
def test_what_is_trained_gets_gradients(family: str) -> None:
    pytest.importorskip("peft")
    from transformers import CONFIG_MAPPING

    from runner.training.adapter import freeze_untrained

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        config = CONFIG_MAPPING[family](**tiny(family))
    config._experts_implementation = "eager"  # the other one takes only widths of 16 bytes
    model = from_config(config).float().train()
    freeze_untrained(model)
    ids = torch.arange(5, 29)[None]
    model(input_ids=ids, labels=ids, use_cache=False).loss.backward()
    trained = {name: one for name, one in model.named_parameters() if one.requires_grad}
    assert [name for name, one in trained.items() if one.grad is None] == []
    shape = architecture(config.to_dict(), "config.json")
    facts = ModelFacts("", (), shape, parameter_count(shape), "F32")
    assert trained_parameters(facts, FULL) == sum(one.numel() for one in trained.values())
