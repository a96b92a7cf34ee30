"""Multimodal models: what surrounds the decoder counts, and is neither trained nor adapted."""

from dataclasses import replace
from typing import Any

import pytest

from planner.memory import Profile
from tests.planner.memory.test_memory import ALL_LINEAR, PLAN
from tests.runner.trace.test_trace import FULL

TEXT: dict[str, Any] = {
    "model_type": "llama", "vocab_size": 1024, "hidden_size": 256, "intermediate_size": 512,
    "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2,
}  # fmt: skip
VISION: dict[str, Any] = {
    "model_type": "siglip_vision_model", "hidden_size": 512, "intermediate_size": 1024,
    "num_hidden_layers": 6, "num_attention_heads": 8, "image_size": 64, "patch_size": 16,
}  # fmt: skip
LLAVA: dict[str, Any] = {"model_type": "llava", "text_config": TEXT, "vision_config": VISION}
SMALL: dict[str, Any] = {"length": 64, "micro_batch": 1, "dropout": 0.0, "padded": False}


@pytest.fixture(autouse=True)
def _installed() -> None:
    for package in ("trl", "peft"):
        pytest.importorskip(package)


def _around() -> int:
    """Return the parameters around the decoder."""
    from runner.trace.model import whole

    model = whole(LLAVA, FULL)
    frozen = {name: each for name, each in model.named_parameters() if not each.requires_grad}
    assert all("language_model" not in name for name in frozen) and frozen
    return sum(each.numel() for each in frozen.values())


def test_only_the_decoder_is_adapted() -> None:
    from runner.trace.model import whole
    from runner.trace.targets import every_linear

    assert every_linear(whole(LLAVA, PLAN)) == list(ALL_LINEAR)


@pytest.mark.slow
@pytest.mark.parametrize("plan", [FULL, PLAN, replace(PLAN, method="qlora")])
def test_what_surrounds_a_decoder_takes_its_weights_alone(plan: Profile) -> None:
    from runner.trace.step import whole_peaks

    plan = replace(plan, **SMALL, targets=() if plan.method == "full" else ALL_LINEAR)
    alone, wrapped = (max(whole_peaks(config, plan).values()) for config in (TEXT, LLAVA))
    assert wrapped - alone == pytest.approx(2 * _around(), rel=0.1)
