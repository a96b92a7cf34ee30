"""Parameters that no gradient reaches: frozen in training, and not counted as trained."""

import warnings
from dataclasses import replace
from typing import Any

import pytest
import torch

from lockfiles.lock import Method
from planner.memory.trainable import trained_parameters
from planner.models.facts import ModelFacts, architecture, parameter_count
from planner.models.families import FAMILIES
from planner.search import lora_targets
from planner.setup.setup import Profile
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


def around(family: str) -> Any:
    """Return a small model as a run loads it."""
    from runner.training.decoder import name_as_trl_does
    from runner.training.loaded import class_of
    from tests.runner.engines.families import config_of

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        config = config_of(family)
        found = class_of(config.to_dict()).from_config(config).float()
    name_as_trl_does(found)
    return found


@pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing:FutureWarning")
@pytest.mark.parametrize("plan", [FULL, replace(PLAN, rank=4, bias="all")])
@pytest.mark.parametrize("family", ["llava", "llama4", "qwen3_vl", "glm_moe_dsa", "deepseek_v32"])
def test_what_is_trained_with_all_biases_gets_gradients(family: str, plan: Profile) -> None:
    """PEFT would train those of a vision tower and of an indexer, too."""
    peft = pytest.importorskip("peft")
    from runner.training.adapter import freeze, lora

    model = around(family)
    shape = architecture(model.config.to_dict(), "config.json")
    freeze(model)
    if plan.method == "lora":
        targets = lora_targets.preset(shape, "all-linear")
        plan = replace(plan, targets=targets)
        given = {"kind": "lora", "rank": 4, "alpha": 8, "dropout": 0.0, "bias": "all"}
        how = lora(Method.model_validate(given | {"targets": list(targets)}), model)
        model = peft.get_peft_model(model, how)
        freeze(model)
    ids = torch.arange(5, 29)[None]
    logits = model(input_ids=ids, use_cache=False).logits
    torch.autograd.backward(logits.logsumexp(-1).sum())
    trained = {name: one for name, one in model.named_parameters() if one.requires_grad}
    assert [name for name, one in trained.items() if one.grad is None] == []
    facts = ModelFacts("", (), shape, parameter_count(shape), "F32")
    assert trained_parameters(facts, plan) == sum(one.numel() for one in trained.values())
