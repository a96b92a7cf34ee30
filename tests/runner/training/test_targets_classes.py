"""What a plan says LoRA adapts and trains, against what PEFT wraps in the real classes."""

import re
import warnings
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import torch
from peft import get_peft_model
from peft.tuners.lora import LoraLayer
from transformers import CONFIG_MAPPING
from transformers.pytorch_utils import Conv1D

from lockfiles.lock import Method
from planner.memory.trainable import trained_parameters
from planner.models import layers
from planner.models.facts import ModelFacts, architecture
from planner.models.families import FAMILIES
from planner.search import lora_targets
from planner.setup.setup import Bias
from runner.trace.text_only import from_config
from runner.training.adapter import freeze, lora
from tests.few import of_families
from tests.meta import on_meta
from tests.planner.memory.test_memory import PLAN
from tests.runner.inputs.test_parameter_count import VARIANTS, tiny

RANK = 4
MIXING = ("q_proj", "k_proj", "v_proj", "o_proj", "in_proj")
"""The linear layers of attention and Mamba in a layer whose one module is called `mixer`."""
NOT_ADAPTED = ("router", "shared_expert_gate", "wg", "proj", "modality_router", "o_a_proj")
"""Linear layers that choose or weigh a mixture's experts, or Gemma 3n's residual streams; and one
that projects groups of heads, whose adapter would not."""
SHAPES = [
    (family, changes) for family, changes in VARIANTS
    if FAMILIES[family].experts or any("bias" in field or "norm" in field for field in changes)
]  # fmt: skip
LAYOUTS = [
    ("falcon", {"new_decoder_architecture": True, "bias": True}),
    ("falcon", {"multi_query": False, "parallel_attn": False}),
    ("gpt_bigcode", {"multi_query": False}),
]


def _built(family: str, fields: dict[str, Any]) -> tuple[ModelFacts, Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        config = CONFIG_MAPPING[family](**fields)
        with on_meta():
            model = from_config(config)
    shape = architecture(config.to_dict(), "config.json")
    return ModelFacts("", (), shape, 0, ""), model


def _linears(family: str, model: Any) -> Iterator[tuple[str, bool]]:
    """Yield each linear layer that may be adapted, and whether it belongs to attention."""
    head = model.get_output_embeddings()
    for name, module in model.named_modules():
        parent, _, last = name.rpartition(".")
        attends = any(word in parent for word in ("attn", "attention", "conv", "mamba"))
        attends = attends or (parent.endswith(".mixer") and last in MIXING)
        kind = FAMILIES[family]
        taken = last in (*kind.taken_for_experts, *kind.lost_on_loading) and not attends
        taken = taken or last in kind.unadapted
        linear = isinstance(module, (torch.nn.Linear, Conv1D)) and module is not head
        inside = re.search(r"\.\d+\.", name) is not None
        weighs = ".indexer" in parent or last in NOT_ADAPTED or last.endswith("_coefs")
        if linear and inside and not weighs and not taken:
            yield name, attends


def _wrapped(model: Any, names: tuple[str, ...], bias: Bias) -> tuple[set[str], int]:
    """Return the modules that the runner's adapter wraps, and the trained parameters."""
    method = Method(
        kind="lora", rank=RANK, alpha=8, dropout=0.05, targets=list(names),
        bias=bias,
    )  # fmt: skip
    with warnings.catch_warnings(), on_meta():
        warnings.simplefilter("ignore")
        adapted = get_peft_model(model, lora(method, model))
        freeze(adapted)
    found = {
        name.removeprefix("base_model.model.")
        for name, module in adapted.named_modules()
        if isinstance(module, LoraLayer)
    }
    return found, sum(p.numel() for p in adapted.parameters() if p.requires_grad)


def _counted(facts: ModelFacts, names: tuple[str, ...], bias: Bias) -> int:
    plan = replace(PLAN, method="lora", rank=RANK, targets=names, bias=bias)
    return trained_parameters(facts, plan)


def _compare(family: str, changes: dict[str, Any], name: lora_targets.Preset, bias: Bias) -> None:
    facts, model = _built(family, tiny(family) | changes)
    names = lora_targets.preset(facts.architecture, name)
    beside = {part.name for part in layers.linears(facts.architecture) if part.place == "side"}
    wanted = {
        path
        for path, attends in _linears(family, model)
        if (attends or name != "attention")
        and (name == "all-linear" or path.rpartition(".")[2] not in beside)
    }
    wrapped, trained = _wrapped(model, names, bias)
    assert wrapped == wanted
    assert trained == _counted(facts, names, bias)
    assert trained > 0


@pytest.mark.parametrize("family", of_families(FAMILIES))
def test_all_linear_is_every_linear_layer_but_head_and_routers(family: str) -> None:
    _compare(family, {}, "all-linear", "none")


@pytest.mark.parametrize("family", of_families(FAMILIES))
def test_attention_is_the_layers_of_attention_and_lora_only_their_biases(family: str) -> None:
    _compare(family, {}, "attention", "lora_only")


@pytest.mark.parametrize("family", of_families(FAMILIES))
def test_bias_all_is_every_bias_of_the_model(family: str) -> None:
    _compare(family, {}, "attention+mlp", "all")


@pytest.mark.parametrize(("family", "changes"), of_families([*SHAPES, *LAYOUTS]))
@pytest.mark.parametrize("bias", ["lora_only", "all"])
def test_other_shapes_of_a_family(family: str, changes: dict[str, Any], bias: Bias) -> None:
    _compare(family, changes, "all-linear", bias)


@pytest.mark.parametrize("family", [one for one in FAMILIES if FAMILIES[one].taken_for_experts])
def test_the_names_left_out_would_adapt_every_expert(family: str) -> None:
    _, model = _built(family, tiny(family))
    names = ("gate_proj", "up_proj", "down_proj")
    with pytest.raises(ValueError, match="lora_dropout"):
        _wrapped(model, names, "none")


def test_of_a_multimodal_wrapper_only_the_decoder_is_adapted() -> None:
    vision = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    fields = {"text_config": tiny("gemma3_text"), "vision_config": vision}
    facts, model = _built("gemma3", fields)
    names = lora_targets.preset(facts.architecture, "all-linear")
    wrapped, trained = _wrapped(model, names, "none")
    assert all(name.startswith("model.language_model.layers.") for name in wrapped)
    assert len(wrapped) == facts.architecture.layers * len(names)
    assert trained == _counted(facts, names, "none")
