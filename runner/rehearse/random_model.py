"""A model of real shapes with random weights, loaded as `from_pretrained` loads a real one.

Each tensor is created on the device at the moment it would be read from a file, so that a quantized
base is quantized layer by layer and its bf16 weights are never all in memory. Where cards share the
weights, no card has all of them: they are created in main memory, with ZeRO stage 3 in that of
process 0 alone, which hands them out.
"""

from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass, replace
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
from runner.training import kernels, zero
from runner.training.decoder import name_as_trl_does
from runner.training.job import Job
from runner.training.loaded import class_of, configuration, unquantized
from runner.training.loading import keep_quantised_form, loaded_as
from runner.training.train import loads_on_card

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
        return _repeated(made) if self.device == "cpu" else made.normal_(0.0, SPREAD)


_DRAWN = 1_000_003
"""Elements that are drawn for a tensor in main memory; a prime, so that rows of a matrix differ."""


def _repeated(made: torch.Tensor) -> torch.Tensor:
    """Fill a tensor with a few random numbers again and again: drawing all of them would take
    minutes for a large model."""
    flat, drawn = made.view(-1), torch.empty(_DRAWN, dtype=made.dtype).normal_(0.0, SPREAD)
    for part in torch.split(flat, _DRAWN):
        part.copy_(drawn[: part.numel()])
    return made


def random_model(
    config: Mapping[str, Any], profile: Profile, accumulation: int, job: Job | None = None
) -> PreTrainedModel:
    """Return the model of a `config.json`, in the dtype and quantization of a plan.

    `job` is that of one of several processes, which may load a share of the model only. A
    collective call then.
    """
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
    on_card = torch.cuda.is_available() and (job is None or loads_on_card(job))
    form |= {} if on_card else {"device_map": None}
    with torch.device("meta"):
        whole = kind.from_config(shape, dtype=form["dtype"])
    tied = _tied(whole)
    weights = {
        name: _Slice(value.shape, value.dtype, "cuda" if on_card else "cpu")
        for name, value in whole.state_dict().items()
        if name not in tied
    }
    with zero.loading(job) if job else nullcontext():
        model: PreTrainedModel = type(whole).from_pretrained(
            None, config=shape, state_dict=_handed_out(weights, job), **form
        )
    name_as_trl_does(model)
    if profile.quantised_bits:
        kernels.call_projections(model)
    keep_quantised_form(model)
    return model


def _handed_out(weights: Mapping[str, _Slice], job: Job | None) -> Mapping[str, Any]:
    """Return the tensors as the loader takes them: with ZeRO stage 3, all of them at once in
    process 0, and their shapes in the others."""
    if job is None or zero.stage_of(job) < 3:
        return weights
    if job.ranks.rank:
        weights = {name: replace(one, device="meta") for name, one in weights.items()}
    return {name: one[...] for name, one in weights.items()}


def _tied(model: PreTrainedModel) -> set[str]:
    """Return the names of tied weights, which files omit too."""
    every = dict(model.named_parameters(remove_duplicate=False)).keys()
    return every - dict(model.named_parameters()).keys()


def _labels(profile: Profile) -> dict[str, object]:
    """Return the additional configuration of a model with one output, and a padding token."""
    return {"num_labels": 1, "pad_token_id": 0} if profile.spec.head == "scalar" else {}
