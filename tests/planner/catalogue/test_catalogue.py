"""The models and accelerators that are known without network."""

import tomllib
from pathlib import Path

import pytest

from lockfiles.errors import UsageProblem
from lockfiles.fixes import Option
from planner.catalogue import lookup
from planner.catalogue.lookup import (
    Accelerator,
    CatalogueModel,
    accelerators,
    find_accelerator,
    find_model,
    models,
    nearest_models,
)
from planner.models.facts import parameter_count

GIB = 1 << 30


@pytest.mark.parametrize("model", models(), ids=lambda model: model.name)
def test_the_stated_parameters_follow_from_the_shape(model: CatalogueModel) -> None:
    assert model.parameters == parameter_count(model.architecture) + model.vision_parameters


def test_only_gemma_3_has_parameters_beside_its_decoder() -> None:
    sizes, kinds = (4, 12, 27), ("pt", "it")
    assert {model.name for model in models() if model.vision_parameters} == {
        f"google/gemma-3-{size}b-{kind}" for size in sizes for kind in kinds
    }


def test_the_catalogue_is_wide_and_no_name_stands_for_two_models() -> None:
    names = [model.name.lower() for model in models()]
    parts = [name.rpartition("/")[2] for name in names]
    assert len(names) >= 150
    assert len(set(names)) == len(names)
    assert len(set(parts)) == len(parts)
    assert len({model.architecture.family for model in models()}) >= 25


def test_facts_of_a_dense_model_and_of_a_mixture() -> None:
    dense = found("Qwen/Qwen3-8B")
    assert (dense.parameters, dense.license, dense.gated) == (8_190_735_360, "apache-2.0", False)
    assert (dense.architecture.qk_norm, dense.architecture.kv_heads) == (True, 8)
    shape = found("openai/gpt-oss-20b").architecture
    assert (shape.experts, shape.experts_per_token, shape.moe_intermediate) == (32, 4, 2880)
    assert (shape.sliding_window, shape.sliding_every, shape.mlp_bias) == (128, 2, True)
    assert found("meta-llama/Llama-3.1-8B").gated


@pytest.mark.parametrize("name", ["qwen/qwen3-8b", "Qwen3-8B", " qwen3-8b "])
def test_a_model_is_found_by_its_id_or_last_part_in_any_case(name: str) -> None:
    assert found(name).name == "Qwen/Qwen3-8B"


def test_a_model_that_is_not_known_has_near_names() -> None:
    assert find_model("Qwen/Qwen3-9B") is None
    assert "Qwen/Qwen3-8B" in nearest_models("Qwen/Qwen3-9B")
    assert nearest_models("zzzzzzzzzzzz") == ()


def found(name: str) -> CatalogueModel:
    model = find_model(name)
    assert model is not None
    return model


def test_accelerators_are_plausible_and_each_is_found_by_its_own_name() -> None:
    cards = accelerators()
    assert len(cards) >= 80
    for card in cards:
        assert find_accelerator(card.name) == card
        assert 6 * GIB <= card.memory_bytes <= 512 * GIB
        assert 60e9 <= card.bandwidth_bytes_per_second <= 10e12
        assert 0 <= card.bf16_flops <= 3e15


def test_tensor_cores_have_bf16_from_compute_capability_8_on() -> None:
    for card in accelerators():
        if card.vendor == "NVIDIA":
            assert (card.bf16_flops > 0) == (float(card.compute_capability) >= 8)


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("NVIDIA GeForce RTX 4090", "RTX 4090"),
        ("rtx4090", "RTX 4090"),
        ("4090", "RTX 4090"),
        ("a6000", "RTX A6000"),
        ("NVIDIA H100 80GB HBM3", "H100 SXM"),
        ("NVIDIA H200", "H200"),
        ("NVIDIA A100-SXM4-80GB", "A100 80GB"),
        ("A100", "A100 40GB"),
        ("Tesla T4", "T4"),
        ("AMD Instinct MI300X", "MI300X"),
        ("Apple M3 Max", "M3 Max"),
    ],
)
def test_the_names_of_drivers_and_of_people_are_understood(name: str, wanted: str) -> None:
    assert find_accelerator(name).name == wanted


def test_facts_of_two_cards() -> None:
    assert find_accelerator("RTX 3090") == Accelerator(
        name="RTX 3090", vendor="NVIDIA", memory_bytes=24 * GIB,
        bandwidth_bytes_per_second=936.2e9, bf16_flops=71.2e12, compute_capability="8.6",
    )  # fmt: skip
    assert find_accelerator("H200").memory_bytes == 143771 << 20


def test_a_driver_shows_somewhat_less_memory_than_is_sold_and_groups_have_sources() -> None:
    groups = tomllib.loads(Path(lookup.__file__).with_name("gpus.toml").read_text("utf-8"))
    for group in groups["group"]:
        assert group["source"]
        for card in group["cards"]:
            sold = card["memory_gib"] * 1024
            assert 0.93 * sold <= card.get("visible_mib", sold) <= sold


def test_a_card_that_is_not_known_is_one_sentence_with_the_nearest_names() -> None:
    with pytest.raises(UsageProblem) as caught:
        find_accelerator("RTX 4091")
    assert "`RTX 4091` is unknown" in caught.value.message
    assert "`RTX 4090`" in caught.value.message
    assert caught.value.hint == "use `--gpu 'RTX 4090'`"


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("4091", "RTX 4090"),
        ("RTX 4009", "RTX 4090"),
        ("3091", "RTX 3090"),
        ("4080ti", "RTX 4080"),
        ("RTX 4070 Ti Supr", "RTX 4070 Ti SUPER"),
        ("A6001", "RTX A6000"),
        ("H101", "H100 SXM"),
        ("L41", "L40"),
        ("MI301X", "MI300X"),
        ("M5 Max", "M1 Max"),
        ("RTX 4909", "RTX 4090"),
    ],
)
def test_a_name_with_one_wrong_digit_is_nearest_to_the_right_one(name: str, nearest: str) -> None:
    with pytest.raises(UsageProblem) as caught:
        find_accelerator(name)
    assert caught.value.fix == (Option("--gpu {}", nearest, to="use"),)


def test_a_card_that_is_like_none_comes_without_a_name() -> None:
    with pytest.raises(UsageProblem) as caught:
        find_accelerator("abacus")
    assert "nearest" not in caught.value.message
    assert "--memory" in caught.value.hint
