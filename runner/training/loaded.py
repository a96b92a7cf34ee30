"""What transformers made of a model's files: its class, and its report about their tensors."""

import math
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoModelForImageTextToText,
    PreTrainedModel,
)
from transformers.models.auto import modeling_auto

from lockfiles.errors import UsageProblem
from lockfiles.fixes import Advice
from lockfiles.harmless import one_line
from planner.models.extra_tensors import needed
from planner.models.families import FAMILIES, TEXT_FAMILIES
from planner.models.families.wrappers import WRAPPERS

_AROUND = r"(?!(?:model\.)?(?:language_model|text_model)\.).*"
"""A pattern of the modules of a multimodal model outside of its decoder, as transformers takes it
(`should_convert_module` in `transformers/quantizers/quantizers_utils.py`)."""
HEADS = ("lm_head", "score")
"""The names of a model's head, or of the single output of a reward model."""
_SHOWN = 3
_REPORTED = (
    ("missing_keys", "would fill {} that its files lack with random numbers"),
    ("mismatched_keys", "would replace {} of another shape by random numbers"),
    ("unexpected_keys", "would leave out {} that its class has no place for"),
)
"""The parts of the loader's report, and what each means."""


def class_of(config: Mapping[str, Any]) -> Any:
    """Return the automatic class that loads a model for text, from its `config.json`.

    Most multimodal models have no causal language model, but a class with their vision tower. The
    causal class of others leaves that tower out, which a merged model would then lack.
    """
    kind = str(config.get("model_type"))
    causal = modeling_auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES.get(kind)
    seeing = modeling_auto.MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES.get(kind, causal)
    return AutoModelForCausalLM if seeing == causal else AutoModelForImageTextToText


def configuration(config: Mapping[str, Any]) -> Any:
    """Return the real class's configuration of a model.

    Where no padding token is given, the default of the class may be outside of the vocabulary. It
    is left out then.
    """
    found = AutoConfig.for_model(**config)
    text = found.get_text_config()
    if (getattr(text, "pad_token_id", None) or 0) >= getattr(text, "vocab_size", math.inf):
        text.pad_token_id = None
    return found


def decoder_of(config: Mapping[str, Any]) -> str:
    """Return the `model_type` of a model's decoder, from its `config.json`."""
    inner = config.get("text_config")
    kind = {**config, **inner}.get("model_type") if isinstance(inner, Mapping) else None
    found = str(kind or config.get("model_type"))
    return TEXT_FAMILIES.get(found, found)


def unquantized(config: Mapping[str, Any]) -> list[str] | None:
    """Return the modules that bitsandbytes must not replace in a model, from its `config.json`: its
    head among them, and what surrounds a wrapped decoder, which is counted in its own type. None
    for those that transformers finds by itself."""
    family, wrapper = decoder_of(config), WRAPPERS.get(str(config.get("model_type")))
    own = FAMILIES[family].unquantized if family in FAMILIES else ()
    around = (_AROUND,) if wrapper and not wrapper.alone else ()
    return [*own, *around, *HEADS] if own or around else None


def check_loaded(
    report: Mapping[str, Collection[Any]], config: Mapping[str, Any], folder: Path
) -> None:
    """Raise UsageProblem if a model was not loaded from its files alone.

    `report` is what `from_pretrained` returns for `output_loading_info`. Tensors that follow from
    the configuration, or predict further tokens at once, may be left out.
    """
    for part, meaning in _REPORTED:
        names = sorted(_name(one) for one in report.get(part, ()))
        if part == "unexpected_keys":
            names = needed(names, config)
        if names:
            raise _fault(folder, meaning, names)


def check_finite(model: PreTrainedModel, folder: Path) -> None:
    """Raise UsageProblem if weights of a loaded model are NaN or infinite.

    Numbers that are finite in the files may be too large for the type that they are loaded as.
    """
    names = [name for name, one in model.named_parameters() if not _finite(one)]
    if names:
        kind = str(model.dtype).removeprefix("torch.")
        raise _fault(folder, f"as `{kind}` gives {{}} with NaN or infinite numbers", names)


def _finite(weights: torch.Tensor) -> bool:
    weights = _held(weights)
    if weights.is_meta or not weights.is_floating_point() or weights.numel() == 0:
        return True
    least, most = torch.aminmax(weights.detach())
    return bool(least.isfinite() and most.isfinite())


def _held(weights: Any) -> torch.Tensor:
    """Return the elements of a parameter that this process holds: with ZeRO stage 3 its share. All
    shares have the same size, so the last one may end in memory that was never written."""
    if not hasattr(weights, "ds_tensor"):
        found: torch.Tensor = weights
        return found
    share: torch.Tensor = weights.ds_tensor.flatten()
    before = weights.ds_zero_partition_rank * share.numel()
    return share[: max(0, weights.ds_numel - before)]


def _fault(folder: Path, meaning: str, names: Sequence[str]) -> UsageProblem:
    many = "1 tensor" if len(names) == 1 else f"{len(names):,} tensors"
    said = ", ".join(f"`{one_line(one, most=100)}`" for one in names[:_SHOWN])
    more = f" and {len(names) - _SHOWN:,} more" if len(names) > _SHOWN else ""
    return UsageProblem(
        f"Loading `{folder}` {meaning.format(many)}: {said}{more}.",
        fix=Advice("copy or download the model again, then plan again"),
    )


def _name(entry: Any) -> str:
    return str(entry[0] if isinstance(entry, tuple) else entry)
