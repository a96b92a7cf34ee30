"""The models of a comparison, with random weights."""

from dataclasses import replace
from typing import Any

from planner.catalogue import lookup
from planner.models.architecture import Architecture, architecture
from planner.models.facts import ModelFacts
from planner.models.parameters import parameter_count
from planner.search import lora_targets
from planner.setup.setup import Profile
from tests.gpu.speed.line import Line

RANK = 16
SEED = 42
_TINY = {
    "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "vocab_size": 512,
    "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 16,
}  # fmt: skip


def config_of(line: Line) -> dict[str, Any]:
    """Return the `config.json` of a line's model."""
    found = next(one for one in lookup.models() if one.name.rpartition("/")[2] == line.model)
    own = dict(found.config)
    if not line.tiny:
        return own
    per_layer = {"layer_types": own["layer_types"][:2]} if "layer_types" in own else {}
    return own | _TINY | per_layer


def shape_of(line: Line) -> Architecture:
    """Return the shape of a line's model."""
    return architecture(config_of(line), line.model)


def facts_of(line: Line) -> ModelFacts:
    """Return what a plan knows of a line's model."""
    shape = shape_of(line)
    return ModelFacts(line.model, (), shape, parameter_count(shape), "BF16")


def settings(line: Line, **changes: Any) -> Profile:
    """Return a setup with rank 16 on all linear layers."""
    full = line.method == "full"
    found = Profile(
        device="cuda",
        method=line.method,  # type: ignore[arg-type]
        rank=0 if full else RANK,
        targets=() if full else lora_targets.preset(shape_of(line), "all-linear"),
        length=2048,
        micro_batch=4,
        checkpointing=False,
        dtype="bfloat16",
        dropout=0.0,
        padded=False,
        autocast=True,
        fused=True,
    )
    return replace(found, **changes)


def here(profile: Profile) -> Profile:
    """Return a setup as this machine computes it: on a CPU in float32."""
    import torch

    if torch.cuda.is_available():
        return profile
    return replace(
        profile, device="cpu", dtype="float32", autocast=False, fused=False, optimizer="adamw_torch"
    )


def model_of(line: Line, profile: Profile) -> Any:
    """Return a line's model in the dtype and quantization of a setup."""
    from transformers import set_seed

    from runner.rehearse.random_model import random_model

    set_seed(SEED)
    config = config_of(line)
    if line.layers:
        config["num_hidden_layers"] = line.layers
    return random_model(config, here(profile), 1)
