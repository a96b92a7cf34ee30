"""Merges an adapter into its base: a standalone model folder."""

from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import torch
from transformers import AutoConfig, PreTrainedModel

from lockfiles import digest
from lockfiles.errors import RunFailed, UsageProblem
from lockfiles.fixes import Advice
from lockfiles.lock import Method
from planner.models.folder import CONFIG
from planner.models.stored import Shape, read_shape
from runner.export.clean import NO_ENDING, with_tokenizer
from runner.export.ending import Ending
from runner.training.adapter import adapted
from runner.training.loading import HERE, load_checked

_DTYPES = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
}


def merge(
    base: Path,
    adapter: Path,
    out: Path,
    method: Method,
    template: str | None = None,
    ending: Ending = NO_ENDING,
) -> Path:
    """Write the merged model to `out`, each tensor in the base's own dtype, and return that folder.

    The base is always loaded in 32 bits: a model loaded in 4 bits would stay 4-bit after merging.
    The sum is rounded once. Source: PEFT's `merge_and_unload`. Raises RunFailed if a tensor of the
    base is not among those that were written.
    """
    model = load_checked(base, dtype=torch.float32, attn_implementation="eager")
    merged = adapted(model, adapter, method).merge_and_unload(safe_merge=True)
    _round(merged, base)
    merged.save_pretrained(out)
    with_tokenizer(out, base, template, ending)
    _check_complete(base, out)
    return out


def _round(model: PreTrainedModel, base: Path) -> None:
    """Give each tensor of a model in 32 bits the dtype that it has in the base's files.

    Where a loader renames or joins tensors, that is the dtype of most of the files.
    """
    stored = dict(_stored(base))
    configured = AutoConfig.from_pretrained(base, **HERE).dtype
    common = _DTYPES.get(_shape(base).dtype) or configured or torch.float32
    for name, values in chain(model.named_parameters(), model.named_buffers()):
        if values.is_floating_point():
            dtype = stored[name][0] if name in stored else ""
            values.data = values.data.to(_DTYPES.get(dtype, common))


def _stored(folder: Path) -> Iterator[tuple[str, tuple[str, list[int]]]]:
    """Yield the name, and the dtype and shape, of each tensor of a model folder."""
    for file in sorted(folder.glob("*.safetensors")):
        header = digest.safetensors_header(file)[1]
        header.pop("__metadata__", None)
        yield from ((name, (one["dtype"], one["shape"])) for name, one in header.items())


def _shape(folder: Path) -> Shape:
    weights = {file.name: file for file in sorted(folder.glob("*.safetensors"))}
    return read_shape(folder, weights, str(folder / CONFIG))


def _check_complete(base: Path, out: Path) -> None:
    """Raise RunFailed unless `out` has every tensor of the base model, in the same dtype.

    Where the names of some differ, as a loader may join or leave out tensors, its `config.json`
    says which there must be.
    """
    wanted, found = dict(_stored(base)), dict(_stored(out))
    if all(found.get(name) == one for name, one in wanted.items()):
        return
    try:
        _shape(out)
    except UsageProblem as problem:
        raise _incomplete(problem.message) from None
    for name, (dtype, _) in wanted.items():
        if name in found and dtype in _DTYPES and found[name][0] != dtype:
            raise _incomplete(f"`{name}` is {found[name][0]}, not {dtype}.")


def _incomplete(why: str) -> RunFailed:
    return RunFailed(
        f"The merged model is not that of the base model: {why}",
        fix=Advice("use the adapter with its base model, and set `results.merge` to false"),
    )
