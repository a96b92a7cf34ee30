"""The models and accelerators that are known without network."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from lockfiles.errors import UsageProblem
from lockfiles.fixes import Option
from planner.catalogue import lookup
from planner.catalogue.card_memory import usable_bytes
from planner.catalogue.links import Links
from planner.catalogue.lookup import (
    Accelerator,
    CatalogueModel,
    accelerators,
    find_accelerator,
    find_model,
    model_ids,
    models,
    nearest_models,
)
from planner.models.facts import parameter_count

GIB = 1 << 30
MODELS = Path(lookup.__file__).with_name("models.toml")
ROWS = tomllib.loads(MODELS.read_text("utf-8"))["model"]


@pytest.mark.parametrize("model", models(), ids=lambda model: model.name)
def test_the_stated_parameters_follow_from_the_shape(model: CatalogueModel) -> None:
    assert model.parameters == parameter_count(model.architecture) + model.vision_parameters


def test_only_models_that_see_have_parameters_beside_their_decoder() -> None:
    seeing = {model.name for model in models() if model.vision_parameters}
    assert {"google/gemma-3-4b-it", "Qwen/Qwen3-VL-8B-Instruct"} <= seeing
    assert not {"google/gemma-3-1b-it", "Qwen/Qwen3-8B"} & seeing


def test_the_catalogue_is_wide_and_no_name_stands_for_two_models() -> None:
    names = [name.lower() for name in model_ids()]
    originals = [name.lower() for row in ROWS for name in row["names"]]
    parts = [name.rpartition("/")[2] for name in originals]
    assert len(names) >= 440
    assert len(set(names)) == len(names)
    assert len(set(parts)) == len(parts)
    assert len({model.architecture.family for model in models()}) >= 40


def test_a_copy_under_another_account_is_open_and_found_by_its_id_only() -> None:
    original, copy = found("meta-llama/Llama-3.2-1B"), found("unsloth/Llama-3.2-1B")
    assert (original.gated, copy.gated) == (True, False)
    assert (copy.architecture, copy.license) == (original.architecture, original.license)
    assert found("Llama-3.2-1B") == original


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["names"][0])
def test_a_row_has_the_keys_that_its_file_names(row: dict[str, Any]) -> None:
    head = MODELS.read_text("utf-8").partition("[[model]]")[0]
    assert all(f"\n# {key} " in head for key in row)
    assert set(row.get("not_loaded", ())) <= {"buffers", "head", "mtp", "scales", "shared"}
    assert re.fullmatch(r"20\d\d(-(0[1-9]|1[0-2]))?", row.get("seen", "2026"))
    assert row["license"] not in ("", "other")
    assert set(row.get("quantized", ())) <= set(row["names"])
    assert not {name for name in row.get("quantized", ()) if name.lower().endswith("bf16")}


def test_rows_with_scales_of_weights_are_quantized() -> None:
    scaled = {
        name for row in ROWS if "scales" in row.get("not_loaded", ()) for name in row["names"]
    }
    assert scaled and all(found(name).quantized for name in scaled)


def test_a_gate_has_the_month_in_which_it_was_seen() -> None:
    assert (found("meta-llama/Llama-3.1-8B").gated, found("Llama-3.1-8B").gate_seen) == (
        True, "2026-10",
    )  # fmt: skip
    assert not found("mistralai/Mistral-7B-Instruct-v0.2").gated
    assert found("mistralai/Mixtral-8x7B-v0.1").gate_seen == "2024"


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
    assert nearest_models("Qwen/Qwen3-8b-bse") == ("Qwen/Qwen3-8B-Base",)
    assert nearest_models("zzzzzzzzzzzz") == ()


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("Qwn3-8B", "Qwen/Qwen3-8B"),
        ("Qwen2.5-7b-Instuct", "Qwen/Qwen2.5-7B-Instruct"),
        ("Llama3.1-8B", "meta-llama/Llama-3.1-8B"),
        ("llama-3-8b", "meta-llama/Meta-Llama-3-8B"),
        ("gpt-oss20b", "openai/gpt-oss-20b"),
        ("ana/Qwen3-8B", "Qwen/Qwen3-8B"),
        ("Qwen2.5-7B-Coder", "Qwen/Qwen2.5-Coder-7B"),
        ("Qwen3.5-9B-Instruct", "Qwen/Qwen3.5-9B"),
    ],
)
def test_a_misspelled_model_is_near(name: str, near: str) -> None:
    assert nearest_models(name)[0] == near


@pytest.mark.parametrize(
    "name",
    ["Qwen/Qwen3-9B", "Qwen3.5-8B", "Qwen3-8B-AWQ", "Qwen2.5-VL-8B-Instruct", "Qwen3-30B-A22B",
     "meta-llama/Llama-3.2-8B", "Mixtral-8x8B", "Phi-5", "deepseek-v4", "qwen2.5",
     "Qwen3-4B-Instruct-2508", "bert-base-uncased", "a" * 500],
)  # fmt: skip
def test_a_model_of_another_size_version_or_kind_is_not_near(name: str) -> None:
    assert nearest_models(name) == ()


def found(name: str) -> CatalogueModel:
    model = find_model(name)
    assert model is not None
    return model


def test_accelerators_are_plausible_and_each_is_found_by_its_own_name() -> None:
    cards = accelerators()
    assert len(cards) >= 190
    for card in cards:
        assert find_accelerator(card.name) == card
        assert 4 * GIB <= card.memory_bytes <= 512 * GIB
        assert 60e9 <= card.bandwidth_bytes_per_second <= 10e12
        assert 0 <= card.bf16_flops <= 3e15


def test_tensor_cores_have_bf16_from_compute_capability_8_on() -> None:
    for card in accelerators():
        if card.vendor == "NVIDIA":
            stated = float(card.compute_capability) >= 8 and not card.unified
            assert (card.bf16_flops > 0) == stated


@pytest.mark.parametrize(
    ("name", "gib"),
    [
        ("T4", 14.56), ("L4", 22.03), ("RTX 3060", 11.63), ("RTX 4090", 23.52), ("L40S", 44.39),
        ("RTX 5090", 31.34), ("A100 80GB", 79.25), ("H100", 79.18), ("RTX PRO 6000", 94.97),
        ("H200", 139.80), ("B200", 178.35), ("GB200", 184.31), ("B300", 267.69), ("GB300", 276.50),
        ("MI300X", 191.69),
    ],
)  # fmt: skip
def test_a_process_gets_what_torch_was_seen_to_report(name: str, gib: float) -> None:
    assert find_accelerator(name).usable_bytes == int(gib * GIB)


def test_a_process_gets_less_than_the_driver_shows_and_the_rule_is_near_what_was_measured() -> None:
    groups = tomllib.loads(Path(lookup.__file__).with_name("gpus.toml").read_text("utf-8"))
    measured = {card["name"] for group in groups["group"] for card in group["cards"]
                if "cuda_gib" in card}  # fmt: skip
    assert len(measured) >= 50
    for card in accelerators():
        kept = card.memory_bytes - card.usable_bytes
        if card.unified:
            assert 0.1 * card.memory_bytes <= kept < 0.35 * card.memory_bytes
            continue
        assert 0 < kept <= 1.4 * GIB
        if card.vendor == "NVIDIA" and card.name in measured and card.memory_bytes <= 80 * GIB:
            ruled = usable_bytes("NVIDIA", card.memory_bytes, 0, unified=False)
            assert -0.1 * GIB <= card.usable_bytes - ruled <= 0.36 * GIB


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
        ("NVIDIA A100-PCIE-80GB", "A100 80GB PCIe"),
        ("NVIDIA H100 80GB HBM3e", "H100 SXM"),
        ("RTX 4090 24GB", "RTX 4090"),
        ("AMD Radeon(TM) RX 7900 XTX", "RX 7900 XTX"),
    ],
)
def test_the_names_of_drivers_and_of_people_are_understood(name: str, wanted: str) -> None:
    assert find_accelerator(name).name == wanted


def test_facts_of_two_cards() -> None:
    assert find_accelerator("RTX 3090") == Accelerator(
        name="RTX 3090", vendor="NVIDIA", memory_bytes=24 * GIB,
        bandwidth_bytes_per_second=936.2e9, bf16_flops=71.2e12, compute_capability="8.6",
        usable_bytes=int(23.56 * GIB), links=Links(15.75e9, 12.5e9),
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
    assert caught.value.hint == (
        "use `--gpu 'RTX 4090'`, or use `--memory GIB`, for a GPU that is not listed"
    )


@pytest.mark.parametrize(
    ("name", "chip"),
    [
        ("MacBook Pro M5 Pro", "M5 Pro"), ("MacBook M5", "M5"), ("Mac Studio M4 Max", "M4 Max"),
        ("Apple MacBook Air M5", "M5"), ("Mac mini M4 Pro 64GB", "M4 Pro"),
    ],
)  # fmt: skip
def test_a_chip_is_found_by_the_computer_around_it(name: str, chip: str) -> None:
    assert find_accelerator(name).name == chip


@pytest.mark.parametrize(("name", "memory"), [("M5 Max 48GB", 36), ("MacBook Pro M5 24 GB", 16)])
def test_a_chip_with_other_memory_is_planned_by_its_memory(name: str, memory: int) -> None:
    with pytest.raises(UsageProblem, match="is listed with") as caught:
        find_accelerator(name)
    assert f"--memory {memory}" in caught.value.hint


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("4091", "RTX 4090"),
        ("RTX 4009", "RTX 4090"),
        ("3091", "RTX 3090"),
        ("GTX 4090", "RTX 4090"),
        ("NVIDEA GeForse RTX 4090", "RTX 4090"),
        ("RTX 4070 Ti Supr", "RTX 4070 Ti SUPER"),
        ("A6001", "RTX A6000"),
        ("H101", "H100 SXM"),
        ("L41", "L40"),
        ("MI301X", "MI300X"),
        ("RTX 4909", "RTX 4090"),
    ],
)
def test_a_name_with_one_wrong_digit_is_nearest_to_the_right_one(name: str, nearest: str) -> None:
    with pytest.raises(UsageProblem) as caught:
        find_accelerator(name)
    assert caught.value.fix[0] == Option("--gpu {}", nearest, to="use")
    assert "--memory" in caught.value.hint


@pytest.mark.parametrize(
    "name",
    ["NVIDIA A100-SXM4-80GB MIG 3g.40gb", "RTX 4080 Ti",
     "NVIDIA GeForce GTX 1650 with Max-Q Design", "Quadro RTX 5000 with Max-Q Design",
     "NVIDIA L2",
     "NVIDIA A10M", "Tesla M4",
     
     
     "AMD Instinct MI308X",
     "gfx1100",
     "Apple A18 Pro", "cpu", "9" * 500],
)  # fmt: skip
def test_another_card_is_not_near_however_similar_its_name(name: str) -> None:
    with pytest.raises(UsageProblem) as caught:
        find_accelerator(name)
    assert caught.value.hint == "use `--memory GIB`, for a GPU that is not listed"
    assert "nearest" not in caught.value.message


@pytest.mark.parametrize(("name", "one"), [("RTX 6000", "RTX 6000 Ada"), ("MI300", "MI300A")])
def test_a_name_of_several_cards_lists_them(name: str, one: str) -> None:
    with pytest.raises(UsageProblem) as caught:
        find_accelerator(name)
    assert f"`{name}` may be one of several GPUs" in caught.value.message
    assert f"`{one}`" in caught.value.message


def test_a_card_that_is_like_none_comes_without_a_name() -> None:
    with pytest.raises(UsageProblem) as caught:
        find_accelerator("abacus")
    assert "nearest" not in caught.value.message
    assert "--memory" in caught.value.hint
