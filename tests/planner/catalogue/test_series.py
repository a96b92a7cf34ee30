"""The family that a model's name says, against the families of published models."""

import pytest

from planner.catalogue import series
from planner.catalogue.lookup import model_ids
from tests.hub_facts.table import models

BUILT_ALIKE = {"qwen3_5_moe_text": "qwen3_5_moe", "unknown": ""}
"""Other spellings of a `model_type`, and what stands for one that the source did not read."""


def test_names_of_published_models_say_their_families() -> None:
    found = [(one, series.family(one.name)) for one in models()]
    said = [(one, kind) for one, kind in found if kind]
    all_ = sum(one.downloads for one, _ in found)
    spelled = {one.name: BUILT_ALIKE.get(one.model_type, one.model_type) for one, _ in said}
    wrong = [one for one, kind in said if spelled[one.name] not in (kind, "")]
    assert sum(one.downloads for one, _ in said) >= 0.7 * all_
    assert sum(one.downloads for one in wrong) <= 0.002 * all_, [one.name for one in wrong]


@pytest.mark.parametrize(
    ("name", "family"),
    [
        ("Qwen/Qwen3.5-9B", "qwen3_5"),
        ("qwen3.6-35b-a3b", "qwen3_5_moe"),
        ("ana/my_qwen3_8b_sql/", "qwen3"),
        ("unsloth/gemma-4-E4B-it", "gemma4"),
        ("google/gemma-4-12B-it", "gemma4_unified"),
        ("google/medgemma-4b-it", ""),
        ("deepseek-ai/DeepSeek-R1-Distill-Llama-8B", "llama"),
        ("DeepSeek-R1", "deepseek_v3"),
        ("Llama-3.2-11B-Vision", ""),
        ("z-lab/Qwen3.8-27B-DFlash2", ""),
        ("base", ""),
        ("qwen3" * 100, ""),
    ],
)
def test_the_family_of_a_name(name: str, family: str) -> None:
    assert series.family(name) == family


def test_a_special_series_comes_before_a_general_one() -> None:
    assert series.family("Qwen3-Next-80B-A3B") == "qwen3_next"
    assert series.family("Qwen3-VL-30B-A3B-Instruct") == "qwen3_vl_moe"
    assert series.family("Qwen2.5-VL-7B") == "qwen2_5_vl"


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("ana/Qwen3-8B-SQL", "Qwen/Qwen3-8B"),
        ("Qwen3-8B-AWQ", "Qwen/Qwen3-8B"),
        ("Qwen3-9B", ""),
        ("Qwen2.5-8B", ""),
        ("Qwen3-VL-8B-SQL", "Qwen/Qwen3-VL-8B-Instruct"),
        ("Qwen3", ""),
        ("base-8B", ""),
    ],
)
def test_a_known_model_is_offered_only_of_the_same_series_version_and_size(
    name: str, known: str
) -> None:
    assert series.alike(name, model_ids()) == known
