"""Gemma 3n and 4: what their fields mean, and tensors that files have and no class reads."""

from typing import Any

import pytest

from lockfiles.errors import UsageProblem
from planner.models.architecture import architecture
from planner.models.held import Held
from planner.models.layers import blocks
from planner.models.parameters import parameter_count
from planner.models.stored import shape_of
from planner.models.tensors import table
from tests.planner.models.classes import made
from tests.runner.inputs.test_parameter_count import tiny

NAME = "base/config.json"
WIDE = {"attention_k_eq_v": True, "num_global_key_value_heads": 1}


def published(**fields: Any) -> dict[str, Any]:
    return {"model_type": "gemma4_text", **tiny("gemma4_text"), **fields}


def test_the_fields_of_published_files_mean_what_transformers_writes_for_them() -> None:
    written, _ = made("gemma4_text", WIDE)
    assert set(written["per_layer_config"]) == {"0", "2"}
    assert architecture(published(**WIDE), NAME) == architecture(written, NAME)


def test_transformers_pads_the_numbers_of_layers_in_what_it_writes() -> None:
    deep = {"num_hidden_layers": 12, "layer_types": None, "num_kv_shared_layers": 0, **WIDE}
    written, _ = made("gemma4_text", deep)
    assert set(written["per_layer_config"]) == {"05", "11"}
    assert architecture(published(**deep), NAME) == architecture(written, NAME)


def test_layers_of_full_attention_may_be_as_all_others() -> None:
    alike = {"global_head_dim": 6}
    written, _ = made("gemma4_text", alike)
    assert architecture(published(**alike), NAME) == architecture(written, NAME)


def test_keys_are_read_from_an_earlier_layer_and_mlps_there_may_be_wider() -> None:
    found = blocks(architecture(published(use_double_wide_mlp=True), NAME))
    assert [(one.at, one.shared_keys, one.mlp) for one in found] == [
        ((0,), False, 40), ((1,), False, 40), ((2,), True, 80),
    ]  # fmt: skip
    assert [part.name for part in found[2].linears[:2]] == ["q_proj", "o_proj"]
    assert found[0].attention is not None and found[0].attention.head_dim == 10


@pytest.mark.parametrize(
    ("family", "fields", "said"),
    [
        ("gemma4_text", {"use_bidirectional_attention": "all"}, "attends in both directions"),
        ("gemma4_text", {"num_kv_shared_layers": 3}, "no earlier layer to share with"),
        ("gemma4_text", {"num_kv_shared_layers": -1}, "is not a positive integer"),
        ("gemma4_text", {"layer_types": ["full_attention"] * 2}, "but 2 in `layer_types`"),
        ("gemma4_text", {"layer_types": ["chunked", 1, 2]}, "layers of type `chunked`"),
        ("gemma4_text", {"per_layer_config": {"1": {"head_dim": 4}}}, "not about its layers of"),
        ("gemma4_text", {"per_layer_config": {"0": {"head_dim": 4}, "2": {}}}, "that differ"),
        (
            "gemma4_text",
            {"per_layer_config": {key: {"hidden_size": 4} for key in "02"}},
            "with more than heads",
        ),
        (
            "gemma4_text",
            {"per_layer_config": {key: {"head_dim": "x"} for key in "02"}},
            "is not a positive integer",
        ),
        (
            "gemma4_text",
            {"enable_moe_block": True, "top_k_experts": 4},
            "routes each token to 4 of 3 experts",
        ),
        ("gemma3n_text", {"intermediate_size": [40, 40, 41]}, "different numbers"),
        (
            "gemma3n_text",
            {"activation_sparsity_pattern": [0.5, 2.0, 0.0]},
            "3 numbers from 0.0 to 1.0",
        ),
    ],
)
def test_what_no_model_has_is_refused(family: str, fields: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageProblem) as problem:
        architecture({"model_type": family, **tiny(family), **fields}, NAME)
    assert said in problem.value.message
    assert problem.value.hint


@pytest.mark.parametrize("body", ["model.", ""])
def test_keys_that_no_layer_reads_may_be_stored_and_do_not_count(body: str) -> None:
    config = published()
    shape = architecture(config, NAME)
    held = {one.name.replace("model.", body): Held("BF16", one.shape) for one in table(shape, {})}
    more = {f"{body}layers.2.self_attn.k_proj.weight": Held("BF16", (20, 32))}
    found = shape_of(config, held | more, NAME)
    assert found.parameters == shape_of(config, held, NAME).parameters
    assert found.parameters == parameter_count(shape) + 3  # and a scalar a layer
    with pytest.raises(UsageProblem, match="has no place for"):
        shape_of(config, held | {f"{body}layers.2.self_attn.q_bias": Held("BF16", (1,))}, NAME)


def test_a_wrapper_that_needs_a_package_of_its_own_is_refused() -> None:
    config = {"model_type": "gemma3n", "text_config": tiny("gemma3n_text")}
    assert architecture(config, NAME).tied
    with pytest.raises(UsageProblem, match="loads with the package `timm` only"):
        shape_of(config, {}, NAME)
