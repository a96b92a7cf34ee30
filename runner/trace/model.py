"""The model of a plan as its trainer wraps it, and its copy with fake tensors."""

import warnings
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import torch

from planner.memory.family_quirks import attention
from planner.setup.setup import Profile
from runner.trace import quantised, text_only
from runner.trace.as_gpu import recomputing
from runner.trace.depths import keep, kinds, stack
from runner.trace.targets import every_linear
from runner.training import kernels
from runner.training.adapter import freeze, outside_decoder
from runner.training.decoder import name_as_trl_does
from runner.training.loaded import class_of, configuration


def built(config: Mapping[str, Any], profile: Profile, kept: Sequence[int]) -> Any:
    """Return the model of a plan with the layers `kept`, on torch's meta device."""
    with torch.device("meta"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return _adapted(_base(config, profile, kept), profile)


def whole(config: Mapping[str, Any], profile: Profile) -> Any:
    """Return the base model of a plan with all layers, on torch's meta device."""
    with torch.device("meta"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = _whole(config, profile)
        if profile.quantised_bits:
            quantised.convert(model, profile)
        return model


def layer_kinds(config: Mapping[str, Any], profile: Profile) -> list[Hashable]:
    """Return the kind of each of a model's layers."""
    with torch.device("meta"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return kinds(stack(_whole(config, profile)))


def reference(config: Mapping[str, Any], profile: Profile, kept: Sequence[int]) -> Any:
    """Return the reference model of the objective; None if it is not a second model."""
    if not profile.spec.second_model(profile.method):
        return None
    with torch.device("meta"):
        return _base(config, profile, kept).eval()


def checkpointing(profile: Profile) -> dict[str, Any]:
    """Return the gradient checkpointing arguments that the trainer passes to the model."""
    return {"use_reentrant": False} | (
        {"context_fn": recomputing} if profile.device == "cuda" else {}
    )


def on_cpu(model: torch.nn.Module) -> None:
    """Turn tensors of the meta device into fake CPU tensors; shared storages stay shared."""
    made: dict[torch.Tensor, Any] = {}
    for module in model.modules():
        for held in (module._parameters, module._buffers):
            for name, tensor in held.items():
                if tensor is not None and tensor not in made:
                    packed = quantised.weight(module, name)
                    made[tensor] = _fake(tensor) if packed is None else packed
                if tensor is not None:
                    held[name] = made[tensor]


def _fake(tensor: torch.Tensor) -> torch.Tensor:
    fake = torch.empty(tensor.shape, dtype=tensor.dtype)
    if isinstance(tensor, torch.nn.Parameter):
        return torch.nn.Parameter(fake, tensor.requires_grad)
    return fake


def _base(config: Mapping[str, Any], profile: Profile, kept: Sequence[int]) -> Any:
    from trl.trainer.utils import disable_dropout_in_model

    model = _whole(config, profile)
    name_as_trl_does(model)
    keep(model, kept)
    if profile.quantised_bits:
        quantised.convert(model, profile)
    if not profile.spec.adapter_dropout:
        disable_dropout_in_model(model)
    return model


def _whole(config: Mapping[str, Any], profile: Profile) -> Any:
    """Return the complete model, frozen outside of its decoder.

    What a multimodal model has around it needs packages that training does not install in some
    families: those are traced without it.
    """
    from transformers import AutoModelForSequenceClassification

    kernels.torch_only()
    shape, maker = configuration(config), class_of(config)
    if profile.spec.head == "scalar":
        shape, maker = shape.get_text_config(), AutoModelForSequenceClassification
        shape.num_labels, shape.pad_token_id = 1, 0
    form = {
        "dtype": getattr(torch, profile.dtype),
        "attn_implementation": "eager" if attention(config["model_type"]) == "eager" else None,
    }
    try:
        if profile.spec.head == "scalar":  # no other class has a single output
            model = maker.from_config(shape, trust_remote_code=False, **form)
        else:
            model = text_only.from_config(shape, maker, **form)
    except ImportError:
        return text_only.from_config(shape.get_text_config(), **form)
    freeze(model)
    _keep_float32(model, form["dtype"])
    return model


def _keep_float32(model: Any, dtype: torch.dtype) -> None:
    """Turn the parameters to float32 that `from_pretrained` keeps so in a narrower model."""
    from transformers.core_model_loading import build_glob_alternation

    if kept := model._get_dtype_plan(dtype):
        names, *_ = build_glob_alternation(list(kept))
        for name, parameter in model.named_parameters():
            if names.search(name):
                parameter.data = parameter.data.float()


def _adapted(model: Any, profile: Profile) -> Any:
    """Wrap the model in LoRA, as PEFT does under TRL's trainers."""
    if profile.checkpointing:
        model.activation_checkpointing_enable(checkpointing(profile))
    if profile.method == "full":
        return model
    from peft import LoraConfig, get_peft_model

    adapter = LoraConfig(
        r=profile.rank,
        lora_alpha=2 * profile.rank,
        lora_dropout=profile.dropped,
        target_modules=list(profile.targets) or every_linear(model),
        exclude_modules=outside_decoder(model),
        bias=profile.bias,
        task_type="SEQ_CLS" if profile.spec.head == "scalar" else "CAUSAL_LM",
    )
    frozen = [one for one in model.parameters() if not one.requires_grad]
    model = get_peft_model(model, adapter, low_cpu_mem_usage=True)
    for parameter in frozen:  # as `freeze` does in a training, where PEFT trains all biases
        parameter.requires_grad_(False)
    if profile.checkpointing:
        model.enable_input_require_grads()
    if profile.quantised_bits:
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.data = parameter.data.to(torch.bfloat16)
    return model
