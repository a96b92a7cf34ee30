"""What `runner.trace.survey` asks for, in the child process that traces."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import transformers
from transformers.models.auto import modeling_auto

from lockfiles.harmless import one_line
from planner.search.space import NF4_BLOCK
from planner.setup.setup import Kind, Profile
from runner.trace import quantised
from runner.trace.model import whole
from runner.trace.step import whole_peaks
from runner.trace.targets import every_linear

_NAMES = (
    modeling_auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES,
    modeling_auto.MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES,
)


@dataclass(frozen=True)
class Search:
    """A question to `searched`."""

    config: Mapping[str, Any]
    """The model's `config.json`."""
    plans: Mapping[Kind, Profile]
    """The plan of each method."""

    @cached_property
    def parameters(self) -> int:
        """Total elements of the model's tensors."""
        plan = next(iter(self.plans.values()))
        model = whole(self.config, replace(plan, method="full"))
        return sum(each.numel() for each in model.parameters())

    def phases(self, kind: Kind) -> dict[str, int]:
        """Return the bytes of the tensors of a method's plan in each phase."""
        found: dict[str, int] = {}
        for moment, size in whole_peaks(self.config, self.plans[kind]).items():
            phase = moment.partition(":")[0]
            found[phase] = max(found.get(phase, 0), size)
        return found


def searched(search: Search) -> dict[str, Any]:
    """Return what `runner.trace.survey` asks for."""
    if said := _problem(search.config):
        return {"problem": said}
    refused = {kind: why for kind in search.plans if (why := _refusal(search, kind))}
    return {
        "parameters": search.parameters,
        "refused": refused,
        "methods": {kind: search.phases(kind) for kind in search.plans if kind not in refused},
    }


def _problem(config: Mapping[str, Any]) -> str:
    """Return why transformers has no language model for a `config.json`; empty if it has one."""
    family, version = config.get("model_type"), transformers.__version__
    named = f"`{one_line(family, most=100)}`"
    if family not in transformers.CONFIG_MAPPING:
        return f"transformers {version} does not know the family {named}."
    if not any(family in names for names in _NAMES):
        return f"transformers {version} has no language model of the family {named}."
    return ""


def _refusal(search: Search, kind: Kind) -> str:
    """Return why a method is not possible, as a sentence; empty if it is."""
    family, plan = search.config["model_type"], search.plans[kind]
    if kind == "full":
        return ""
    model = whole(search.config, plan)
    if not every_linear(model):
        return f"PEFT cannot adapt the layers of `{family}`."
    if kind == "lora":
        return ""
    widths = [min(each.in_features, each.out_features) for each in quantised.layers(model)]
    if not widths:
        return f"transformers does not quantize the layers of `{family}`."
    if plan.device == "cpu" and min(widths) < NF4_BLOCK:
        return (
            f"QLoRA on CPU needs layers at least {NF4_BLOCK} wide, but this model's narrowest is "
            f"{min(widths)}."
        )
    return ""
