"""Which layers ZeRO's stage 3 gathers as one."""

from typing import Any

import pytest
from peft import LoraConfig, get_peft_model
from transformers import LlamaConfig, LlamaForCausalLM

from runner.training.compiled import layers
from runner.training.zero import gathered_at_once

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


@pytest.mark.parametrize(
    ("adapted", "expected"),
    [((), [0, 1, 2, 3]), ((0, 1, 2, 3), [1, 2, 3]), ((1, 3), [2, 3]), ((3,), [])],
)
def test_a_layer_is_gathered_as_one_where_its_input_has_a_gradient(
    adapted: tuple[int, ...], expected: list[int]
) -> None:
    found = model(*adapted)
    every = list(layers(found))
    assert [every.index(one) for one in gathered_at_once(found)] == expected


def test_embeddings_that_are_trained_give_every_layer_such_an_input() -> None:
    found = model(0, 1)
    found.get_input_embeddings().weight.requires_grad = True
    assert len(gathered_at_once(found)) == LAYERS


def test_layers_that_share_a_parameter_are_gathered_module_by_module() -> None:
    found = model()
    every = list(layers(found))
    every[1].mlp = every[3].mlp
    assert [every.index(one) for one in gathered_at_once(found)] == [0, 2]
