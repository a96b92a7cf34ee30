"""A model of real shapes with random weights, loaded as `from_pretrained` loads a real one.

Each tensor is created on the device at the moment it would be read from a file, so that a quantized
base is quantized layer by layer and its bf16 weights are never all in memory.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import EllipsisType
from typing import Any

import torch
from transformers import (
    AutoModelForSequenceClassification,
    BitsAndBytesConfig,
    PreTrainedModel,
)

from planner.setup.setup import Profile
from runner.rehearse.settings import method_of, train_of
from runner.training import kernels
from runner.training.decoder import name_as_trl_does
from runner.training.loaded import class_of, configuration, unquantized
from runner.training.loading import keep_quantised_form, loaded_as

SPREAD = 0.02
"""Standard deviation of the weights: transformers' default for most families."""


@dataclass(frozen=True)
class _Slice:
    """Replaces a tensor of a file: it is created when it is read."""

    shape: torch.Size
    dtype: torch.dtype
    device: str

    def __getitem__(self, index: EllipsisType) -> torch.Tensor:
        if len(self.shape) < 2:
            return torch.ones(self.shape, dtype=self.dtype, device=self.device)
        made = torch.empty(self.shape, dtype=self.dtype, device=self.device)
        return made.normal_(0.0, SPREAD)


def random_model(config: Mapping[str, Any], profile: Profile, accumulation: int) -> PreTrainedModel:
    """Return the model of a `config.json`, in the dtype and quantization of a plan."""
    if not torch.cuda.is_available():
        kernels.torch_only()
    scalar = profile.spec.head == "scalar"
    kind = AutoModelForSequenceClassification if scalar else class_of(config)
    shape = configuration(dict(config) | _labels(profile))
    family = str(config["model_type"])
    form = loaded_as(method_of(profile), train_of(profile, accumulation, family), config)
    if profile.quantised_bits == 8:
        form["quantization_config"] = BitsAndBytesConfig(
            load_in_8bit=True, llm_int8_skip_modules=unquantized(config)
        )
    device = "cuda" if torch.cuda.is_available() else "cpu"
    with torch.device("meta"):
        whole = kind.from_config(shape, dtype=form["dtype"])
    tied = _tied(whole)
    weights = {
        name: _Slice(value.shape, value.dtype, device)
        for name, value in whole.state_dict().items()
        if name not in tied
    }
    model: PreTrainedModel = type(whole).from_pretrained(
        None, config=shape, state_dict=weights, **form
    )
    name_as_trl_does(model)
    if profile.quantised_bits:
        kernels.call_projections(model)
    keep_quantised_form(model)
    return model


def _tied(model: PreTrainedModel) -> set[str]:
    """Return the names of tied weights, which files omit too."""
    every = dict(model.named_parameters(remove_duplicate=False)).keys()
    return every - dict(model.named_parameters()).keys()


def _labels(profile: Profile) -> dict[str, object]:
    """Return the additional configuration of a model with one output, and a padding token."""
    return {"num_labels": 1, "pad_token_id": 0} if profile.spec.head == "scalar" else {}
