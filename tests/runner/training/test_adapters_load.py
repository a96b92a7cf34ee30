"""Adapters on everything that a plan adapts are the same after PEFT saves and loads them."""

import warnings
from pathlib import Path
from typing import Any

import pytest
import torch

from lockfiles.errors import RunFailed
from planner.models.architecture import architecture
from planner.models.families import FAMILIES
from planner.search.lora_targets import preset
from runner.trace.text_only import from_config
from tests.few import chosen_families, few
from tests.runner.inputs.test_parameter_count import tiny

FEW = few(FAMILIES, lambda name: bool(FAMILIES[name].experts) and name in chosen_families())
"""transformers renames tensors of mixtures above all."""
peft = pytest.importorskip("peft")


def saved(family: str, folder: Path, targets: tuple[str, ...] = ()) -> tuple[Any, Any]:
    """Save a random adapter, and return a new model with it, and another with random ones."""
    from transformers import CONFIG_MAPPING

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        config = CONFIG_MAPPING[family](**tiny(family))
        names = targets or preset(architecture(config.to_dict(), "config.json"), "all-linear")
        how = peft.LoraConfig(
            r=2, target_modules=list(names), task_type="CAUSAL_LM", init_lora_weights=False
        )
        peft.get_peft_model(from_config(config), how).save_pretrained(folder)
        loaded = peft.PeftModel.from_pretrained(from_config(config), folder)
        return loaded, peft.get_peft_model(from_config(config), how)


@pytest.mark.parametrize("family", FEW)
def test_an_adapter_on_all_that_is_adapted_is_loaded_again(family: str, tmp_path: Path) -> None:
    from runner.training.adapter import check_adapter

    torch.manual_seed(0)
    loaded, other = saved(family, tmp_path)
    check_adapter(loaded, tmp_path)
    with pytest.raises(RunFailed, match="PEFT does not load"):
        check_adapter(other, tmp_path)


def test_lost_tensors_are_refused(tmp_path: Path) -> None:
    from runner.training.adapter import check_adapter

    loaded, _ = saved("laguna", tmp_path, ("q_proj", "down_proj"))
    with pytest.raises(RunFailed, match=r"such as `.*shared_experts\.down_proj"):
        check_adapter(loaded, tmp_path)
