"""How the base model and the tokenizer that pads are loaded."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from transformers import (
    BitsAndBytesConfig,
    GenerationConfig,
    PreTrainedModel,
    PreTrainedTokenizerFast,
)

from lockfiles.lock import Method, Train
from planner.data.tokens import lookup
from planner.models.folder import CONFIG
from planner.models.shapes import config_json
from runner.training import kernels, varlen
from runner.training.decoder import name_as_trl_does
from runner.training.loaded import (
    check_finite,
    check_loaded,
    class_of,
    unquantized,
)

HERE = {"trust_remote_code": False, "local_files_only": True}
"""How anything is loaded: no code from a model's folder runs, and nothing is downloaded."""
SAFE = HERE | {"use_safetensors": True, "generation_config": GenerationConfig()}
"""How weights are loaded: never from pickles, which can run code. The folder's own
`generation_config.json` is not used, since it can change greedy answers or make them endless."""


def padding_of(base: Path, pad_id: int | None = None) -> PreTrainedTokenizerFast:
    """Return the tokenizer that a trainer uses for padding only: rows are tokens already.

    It is read from `tokenizer.json`, with those special tokens of the model that are in its
    vocabulary; the class and other settings there are ignored. `pad_id`, if given, pads.
    """
    tokenizer = PreTrainedTokenizerFast(tokenizer_file=str(base / "tokenizer.json"))
    known = tokenizer.get_vocab()
    for name, text in lookup.special_tokens(base).items():
        if name in lookup.SPECIAL and text in known:
            setattr(tokenizer, name, text)
    if pad_id is not None:
        tokenizer.pad_token = tokenizer.convert_ids_to_tokens(pad_id)
    return tokenizer


def load(base: Path, method: Method, settings: Train, *, on_card: bool = True) -> PreTrainedModel:
    """Return the base model in the lock's dtype, in NF4 where the method is QLoRA; with `on_card`
    on this process's card, if it has one.

    Raises UsageProblem as `load_checked` does.
    """
    config = config_json.read(base / CONFIG)
    form = loaded_as(method, settings, config) | ({} if on_card else {"device_map": None})
    model = load_checked(base, **form)
    name_as_trl_does(model)
    if method.kind == "qlora":
        kernels.call_projections(model)
    keep_quantised_form(model)
    return model


def load_checked(folder: Path, **form: Any) -> PreTrainedModel:
    """Return the model of a folder; `form` has further arguments of `from_pretrained`.

    Raises UsageProblem if the loader would fill a tensor with random numbers, or leave one out, and
    for weights that are NaN or infinite.
    """
    if not torch.cuda.is_available():
        kernels.torch_only()
    config = config_json.read(folder / CONFIG)
    model: PreTrainedModel
    model, report = class_of(config).from_pretrained(
        folder, **SAFE, **form, output_loading_info=True, ignore_mismatched_sizes=True
    )
    check_loaded(report, config, folder)
    check_finite(model, folder)
    _save_by_names_of_files(model)
    return model


def _save_by_names_of_files(model: Any) -> None:
    """Let a model be saved with the names that its files have: transformers reverts the changes of
    names that it made when it loaded them, but in shares (ZeRO stage 3) also those it did not."""
    if changes := getattr(model, "_weight_conversions", None):
        model._weight_conversions = [one for one in changes if one.was_used()]


def loaded_as(method: Method, settings: Train, config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of `from_pretrained` for the base model: dtype, NF4, attention, device.

    `config` has the fields of its `config.json`.

    On a GPU each tensor goes straight to the card: main memory never holds the complete model.
    """
    if settings.attention == varlen.NAME:
        varlen.register()
    quantisation = None
    if method.kind == "qlora":
        quantisation = BitsAndBytesConfig(
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_use_double_quant=True,
            bnb_4bit_compute_dtype=getattr(torch, settings.dtype),
            llm_int8_skip_modules=unquantized(config),
        )
    return {
        "dtype": getattr(torch, settings.dtype),
        "quantization_config": quantisation,
        "attn_implementation": settings.attention,
        "device_map": {"": torch.cuda.current_device()} if torch.cuda.is_available() else None,
    }


def keep_quantised_form(model: PreTrainedModel) -> None:
    """Keep bitsandbytes from repacking 4-bit weights on CPU.

    It does so in the first evaluation, and unpacking is not exact: a run resumed after an
    evaluation would continue from different base weights than an uninterrupted one.
    """
    for module in model.modules():
        if hasattr(module, "support_avx512bf16_for_cpu"):
            module.support_avx512bf16_for_cpu = False
