"""Which layers ZeRO's stage 3 gathers as one."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model
from transformers import LlamaConfig, LlamaForCausalLM

from lockfiles.errors import RunFailed
from planner.parallelism import zero3
from runner.training import zero
from runner.training.compiled import layers
from runner.training.zero import check_input, gathered_at_once

pytestmark = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")
LAYERS = 4


def model(*adapted: int) -> Any:
    shape = LlamaConfig(
        hidden_size=16, intermediate_size=32, num_hidden_layers=LAYERS, vocab_size=32,
        num_attention_heads=2, num_key_value_heads=2,
    )  # fmt: skip
    found = LlamaForCausalLM(shape)
    if not adapted:
        return found
    own = LoraConfig(target_modules=["q_proj"], layers_to_transform=list(adapted))
    return get_peft_model(found, own)


def layers_of(found: Any) -> list[Any]:
    return list(layers(found))


def indices(found: Any) -> list[int]:
    """Return which layers are gathered as one."""
    every = layers_of(found)
    return [every.index(one) for one in gathered_at_once(found)]


@pytest.mark.parametrize(
    ("adapted", "expected"),
    [((), [0, 1, 2, 3]), ((0, 1, 2, 3), [1, 2, 3]), ((1, 3), [0, 2, 3]), ((3,), [0, 1, 2])],
)
def test_a_layer_is_gathered_as_one_where_its_input_has_a_gradient(
    adapted: tuple[int, ...], expected: list[int]
) -> None:
    assert indices(model(*adapted)) == expected


def test_embeddings_that_are_trained_give_every_layer_such_an_input() -> None:
    found = model(0, 1)
    found.get_input_embeddings().weight.requires_grad = True
    assert len(gathered_at_once(found)) == LAYERS


def test_no_layer_is_gathered_as_one_if_one_is_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    found = model()
    every = layers_of(found)
    every[2].mlp.up_proj = torch.nn.Linear(16, 64, bias=False)
    size = sum(one.numel() for one in every[0].parameters())
    monkeypatch.setattr(zero, "ENGINE", replace(zero3.ENGINE, whole=size))
    assert indices(found) == []
    monkeypatch.setattr(zero, "ENGINE", replace(zero3.ENGINE, whole=2 * size))
    assert indices(found) == [0, 1, 2, 3]


def test_layers_that_share_a_parameter_are_gathered_module_by_module() -> None:
    found = model()
    every = layers_of(found)
    every[1].mlp = every[3].mlp
    assert indices(found) == [0, 2]


def test_a_layer_whose_parameter_is_used_outside_of_layers_is_gathered_module_by_module() -> None:
    found = model()
    found.head = layers_of(found)[2].mlp.up_proj
    assert indices(found) == [0, 1, 3]


def test_a_layer_whose_input_has_no_gradient_is_refused() -> None:
    """As where it comes by keyword: the hook of the layer would not wait for its gradient."""
    layer, given = torch.nn.Linear(2, 2), torch.ones(1, 2)
    layer.register_forward_pre_hook(check_input)
    layer(given.clone().requires_grad_())
    with torch.no_grad():
        layer(given)
    with pytest.raises(RunFailed, match=r"cannot train a `Linear` whose input has no gradient"):
        layer(given)
    with pytest.raises(RunFailed):
        layer(input=given.clone().requires_grad_())
