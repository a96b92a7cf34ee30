"""The table of families: one line each, and nothing in it that the code does not do."""

import pytest

from lockfiles.errors import UsageProblem
from planner.catalogue.lookup import find_model
from planner.fit import answers, machines
from planner.fit.families import WORDS, families
from planner.fit.models import find
from planner.fit.request import FitRequest, Wish
from planner.models import layers
from planner.models.families import FAMILIES
from planner.models.families.wrappers import WRAPPERS
from planner.models.shapes.mixers import Absent, Mixer

BY_NAME = {one.name: one for one in families()}


def test_there_is_a_line_for_each_family() -> None:
    assert set(BY_NAME) == set(FAMILIES)
    around = {wrapper for one in families() for wrapper in one.wrappers}
    assert around == {name for name, one in WRAPPERS.items() if not one.alone}


def test_an_example_is_of_its_family() -> None:
    for one in families():
        if one.example:
            found = find_model(one.example)
            assert found is not None and found.architecture.family == one.name
            assert one.mixing and one.targets
    assert sum(bool(one.example) for one in families()) >= 40


def test_every_mixer_that_stands_for_attention_has_a_word() -> None:
    used = {
        type(block.mixer)
        for one in families()
        if (found := find_model(one.example) if one.example else None)
        for block in layers.blocks(found.architecture)
        if isinstance(block.mixer, Mixer) and not isinstance(block.mixer, Absent)
    }
    assert used <= set(WORDS)


def test_layers_without_kernels_and_frozen_parts_are_said() -> None:
    model = find("Qwen/Qwen3.5-0.8B")
    plans = answers.answers(FitRequest(model, machines.chosen("H100", None), Wish()))
    for one in plans:
        said = " ".join(one.reasons)
        assert f"{model.aside:,} parameters outside its decoder" in said
        assert ("layers mix tokens without attention" in said) == one.plan.fits
    plans = answers.answers(
        FitRequest(find("Qwen/Qwen3-0.6B"), machines.chosen("H100", None), Wish())
    )
    assert not any("mix tokens" in said or "outside" in said for said in plans[0].reasons)


def test_a_family_without_a_classifier_has_no_reward_model() -> None:
    card = machines.chosen("H100", None)
    for name in ("google/gemma-4-E4B-it", "ibm-granite/granite-4.0-h-tiny"):
        with pytest.raises(UsageProblem, match="needs a class with a single output") as caught:
            answers.answers(FitRequest(find(name), card, Wish(objective="reward")))
        assert "tunelock fit --families" in caught.value.hint
    qwen = FitRequest(find("Qwen/Qwen3.5-9B"), card, Wish(objective="reward"))
    assert any(one.plan.fits for one in answers.answers(qwen))


def test_what_is_known_of_some_families() -> None:
    llama, falcon, oss = BY_NAME["llama"], BY_NAME["falcon"], BY_NAME["gpt_oss"]
    assert llama.gguf and llama.packing and llama.kernel == "sdpa" and not llama.experts
    assert llama.mixing == ("attention",)
    assert not falcon.quantized  # bitsandbytes does not replace its linear layers
    assert oss.experts and oss.kernel == "eager" and 0 < oss.quantized < 0.1
    assert BY_NAME["gemma3_text"].mixing == ("sliding window", "attention")
    assert "gemma3" in BY_NAME["gemma3_text"].wrappers


def test_a_tensor_beyond_32_bits_has_no_8_bit_states() -> None:
    model, card = find("google/gemma-4-E4B-it"), machines.chosen("H100", None)
    with pytest.raises(UsageProblem, match="one has 2,818,572,288") as caught:
        answers.answers(FitRequest(model, card, Wish(method="full", optimizer="adamw_8bit")))
    assert "--method lora" in str(caught.value.hint)
    for wish in (Wish(method="lora", optimizer="adamw_8bit"), Wish(method="full")):
        assert answers.answers(FitRequest(model, card, wish))
