"""Which families of transformers can be traced (`python -m tests.runner.trace.table`)."""

import warnings
from collections.abc import Mapping

import pytest

from planner.models.families import FAMILIES
from tests.runner.trace.table import failure, names, peak

SAMPLE = ("helium",)
"""A family without a closed form, whose model is small."""
NOT: Mapping[str, str] = {
    "blt": "several stacks of layers with the same names, which PEFT cannot tell apart",
    "cpmant": "its class has no checkpointing",
    "ctrl": "its class has no checkpointing",
    "dbrx": "the tokens of each expert depend on values, which fake tensors do not have",
    "doge": "TRL asks for the loss of a router that it has only with experts",
    "electra": "its head is not the last layer, as TRL's loss assumes",
    "gemma4_assistant": "it reads the keys and values of another model",
    "gemma4_unified_assistant": "it reads the keys and values of another model",
    "git": "it writes into its embeddings, which checkpointing of an adapter prevents",
    "gpt_neox_japanese": "its class has no checkpointing",
    "hrm_text": "several stacks of layers with the same names, which PEFT cannot tell apart",
    "jetmoe": "its class has no checkpointing",
    "longcat_flash": "the tokens of each expert depend on values, which fake tensors do not have",
    "mllama": "a list numbers the layers that read images, and a trace keeps few layers",
    "musicgen": "its class reads a field that only the configuration of its decoder has",
    "musicgen_melody": "its class reads a field that only the configuration of its decoder has",
    "openai-gpt": "its class has no checkpointing",
    "qwen4_exp": "the tokens that attention chooses depend on values",
    "qwen4_exp_text": "the tokens that attention chooses depend on values",
    "reformer": "its class is no decoder by default",
    "rembert": "its head is not the last layer, as TRL's loss assumes",
    "xlm": "its class has no checkpointing",
    "xlnet": "its class has no checkpointing",
    "xmod": "its class asks for a language to be set first",
    "zamba2": "a list numbers the layers with attention, and a trace keeps few layers",
}
"""Families that cannot be traced with LoRA, and why."""


@pytest.fixture(autouse=True)
def _quiet() -> None:
    for package in ("trl", "peft"):
        pytest.importorskip(package)
    warnings.simplefilter("ignore")


@pytest.mark.parametrize("name", SAMPLE)
def test_a_family_without_a_closed_form_is_traced(name: str) -> None:
    assert peak(name) > 0


@pytest.mark.slow
def test_every_family_without_a_closed_form_is_traced_but_those_that_are_listed() -> None:
    """Those with one are in `test_every.py`."""
    others = (name for name in names() if name not in FAMILIES)
    found = {name: said for name in others if (said := failure(name))}
    print(*(f"{name}: {said}" for name, said in found.items()), sep="\n")
    assert found.keys() == NOT.keys()
