"""What bitsandbytes quantizes in the real classes, against what a plan counts as quantized."""

import warnings
from dataclasses import replace
from typing import Any

import pytest

from planner.memory.family_quirks import habits
from planner.memory.resident import quantized_sums
from planner.models.architecture import architecture
from planner.models.families import FAMILIES
from planner.models.families.wrappers import WRAPPERS
from tests.few import few, of_families
from tests.planner.memory.test_memory import PLAN
from tests.runner.inputs.test_parameter_count import tiny
from tests.runner.training.test_loading import wrapped

QLORA = replace(PLAN, method="qlora")
REPLACED = [name for name in FAMILIES if not habits(name).own_linears]


@pytest.fixture(autouse=True)
def _installed() -> None:
    for package in ("trl", "peft", "bitsandbytes"):
        pytest.importorskip(package)


def _quantized(model: Any) -> list[Any]:
    return [one for one in model.modules() if type(one).__name__ == "Linear4bit"]


@pytest.mark.parametrize("family", of_families(REPLACED))
def test_the_layers_that_are_quantized_are_counted(family: str) -> None:
    from transformers import CONFIG_MAPPING

    from runner.trace.model import whole

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        config = CONFIG_MAPPING[family](**tiny(family)).to_dict()
    made = _quantized(whole(config, QLORA))
    found = sum(one.in_features * one.out_features for one in made)
    outputs = sum(one.out_features for one in made)
    assert quantized_sums(architecture(config, "config.json")) == (found, outputs)


@pytest.mark.parametrize(
    "kind", few(name for name, one in WRAPPERS.items() if not one.alone and not one.needs)
)
def test_only_the_decoder_of_a_wrapper_is_quantized(kind: str) -> None:
    import torch

    from runner.trace.depths import decoder_of
    from runner.trace.model import whole

    model = whole(wrapped(kind).to_dict(), QLORA)
    inside = {id(one) for one in decoder_of(model).modules()}
    linear = [id(one) for one in model.modules() if isinstance(one, torch.nn.Linear)]
    made = {id(one) for one in _quantized(model)}
    assert made and made <= inside
    assert len(set(linear) - inside) > 1  # the head, and others that would have been replaced
