"""Why the tensors of a model cannot be trained, as one sentence."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from lockfiles.errors import UsageProblem
from lockfiles.fixes import Advice, Fix
from lockfiles.harmless import one_line
from planner.models.architecture import Architecture
from planner.models.held import FLOATS, MOST_NAMED, Findings, Held, compare
from planner.models.quantized import unquantized
from planner.models.tensors import HEAD, Sizes, names_of

MOST_TENSORS = 500_000
"""Limit for the tensors that a configuration may describe outside its experts."""
_SHOWN = 3
_AGAIN = Advice("copy or download the model again, with the `config.json` that belongs to it")
_WRAPPINGS: Mapping[str, tuple[str, str]] = {
    "_orig_mod.": ("a compiled model", "save the model that was compiled"),
    "module.": ("a wrapper for several GPUs", "save the model inside the wrapper"),
    "base_model.model.": ("a model with an adapter", "merge the adapter and save that model"),
}
"""A prefix of every name, what is saved with it, and what helps."""
_QUANTIZED = re.compile(
    r"\.(?:qweight|qzeros|scales|g_idx|SCB|(?:weight|input|k|v)_scale(?:_inv|_2)?|weight_packed"
    r"|weight_shape|weight_zero_point|weight\.(?:absmax|quant_map|quant_state\..*)"
    r"|[a-z_]+_(?:blocks|scales))$"
)
"""Names that only quantized weights have."""
_CLASSIFIER = re.compile(r"(?:^|\.)(?:score|classifier|v_head|value_head|reward_head)\.")


def check_tensors(
    shape: Architecture,
    config: Mapping[str, Any],
    held: Mapping[str, Held],
    name: str,
    original: str = "",
) -> Findings:
    """Compare the stored tensors of a model with its `config.json`, which errors call `name`.

    `original` is the model before it was quantized; empty if unknown. Raises UsageProblem for any
    difference: training would fail on it, or fill it with random numbers.
    """
    listed = names_of(shape).qk_heads == "listed" and shape.qk_norm
    if shape.layers * (shape.heads if listed else 1) > MOST_TENSORS:
        raise UsageProblem(f"The model of `{name}` is too large.", fix=_AGAIN)
    found = compare(shape, config, held)
    if found.wrong:
        said, fix = next(_causes(shape, held, found, name, original))
        raise UsageProblem(said, fix=fix)
    return found


def _causes(
    shape: Architecture, held: Mapping[str, Held], found: Findings, name: str, original: str
) -> Iterator[tuple[str, Fix]]:
    """Yield what may be wrong, most telling first."""
    yield from _saved_otherwise(held, found, name)
    yield from _quantized(found, name, original)
    yield from _other_sizes(shape, found, name)
    yield from _by_name(found, name)


def _saved_otherwise(
    held: Mapping[str, Held], found: Findings, name: str
) -> Iterator[tuple[str, Fix]]:
    if found.alone:
        yield (
            f"The weights are those of a decoder, without the vision tower that `{name}` "
            "describes.",
            Advice("copy or download the model again, or name the decoder as a model of its own"),
        )
    for begin, (what, helps) in _WRAPPINGS.items():
        if found.missing and all(one.startswith(begin) for one in held):
            yield (
                f"The name of every tensor in the weights begins with `{begin}`: {what} was saved.",
                Advice(helps),
            )
    adapter = [one for one in found.unexpected if ".lora_" in one]
    if adapter:
        yield (
            f"The weights contain an adapter that is not merged: {_named(adapter)}.",
            Advice("merge the adapter into its base model, and use the merged folder"),
        )
    heads = [one for one in found.unexpected if _CLASSIFIER.search(one)]
    if heads:
        yield (
            f"The weights are those of a classifier or reward model: {_named(heads)}.",
            Advice("choose the language model that it was made from"),
        )


def _quantized(found: Findings, name: str, original: str) -> Iterator[tuple[str, Fix]]:
    marks = [one for one in found.unexpected if _QUANTIZED.search(one)]
    if marks:
        yield (
            f"The weights are quantized, which `{name}` does not say: {_named(marks)}.",
            unquantized(original),
        )
    if found.retyped:
        tensor, dtype = found.retyped[0]
        types = ", ".join(f"`{one}`" for one in sorted(FLOATS))
        yield (
            f"{_tensors(len(found.retyped), 'stored in another type')} than {types}: "
            f"`{one_line(tensor, most=100)}` is `{one_line(dtype, most=20)}`.",
            unquantized(original),
        )


def _other_sizes(shape: Architecture, found: Findings, name: str) -> Iterator[tuple[str, Fix]]:
    """Yield what a single field of the configuration explains."""
    whole = bool(found.missing) != bool(found.unexpected) and not found.reshaped
    if found.layers and found.layers != shape.layers and whole:
        names = found.missing if found.layers < shape.layers else found.unexpected
        also = f" ({_named(names)})" if names else ""
        yield (
            f"`{name}` describes {_count(shape.layers, 'layer')}, but the weights hold "
            f"{found.layers}{also}.",
            _AGAIN,
        )
    other = found.missing or found.unexpected
    if found.rows and found.rows != shape.vocabulary and not other:
        yield (
            f"`vocab_size` in `{name}` is {shape.vocabulary}, but the embedding in the weights has "
            f"{_count(found.rows, 'row')}.",
            Advice(
                f"set `vocab_size` to {found.rows} if the tokenizer was extended, or copy or "
                "download the model again"
            ),
        )
    if found.missing == [HEAD] and not found.unexpected:
        yield (
            f"The weights have no head (`{HEAD}`), but `tie_word_embeddings` in `{name}` is false.",
            Advice(
                "copy or download the model again, or set `tie_word_embeddings` to true if the "
                "head is the embedding"
            ),
        )


def _by_name(found: Findings, name: str) -> Iterator[tuple[str, Fix]]:
    if found.missing:
        many = len(found.missing)
        also = f", and hold others that it does not: {_named(found.unexpected)}"
        yield (
            f"The weights lack {_more_than(many)}{_count(many, 'tensor')} that `{name}` describes: "
            f"{_named(found.missing)}{also if found.unexpected else ''}.",
            _AGAIN,
        )
    if found.reshaped:
        tensor, stored, wanted = found.reshaped[0]
        others = len(found.reshaped) - 1
        also = f", and {others:,} more {_of(others)}" if others else ""
        yield (
            f"The tensor `{one_line(tensor, most=100)}` has the shape {_sizes(stored)} in the "
            f"weights, but `{name}` describes {_sizes(wanted)}{also}.",
            _AGAIN,
        )
    many = len(found.unexpected)
    yield (
        f"The weights hold {_count(many, 'tensor')} that the model of `{name}` has no place for: "
        f"{_named(found.unexpected)}.",
        _AGAIN,
    )


def _named(names: Sequence[str]) -> str:
    said = ", ".join(f"`{one_line(one, most=100)}`" for one in names[:_SHOWN])
    more = len(names) - _SHOWN
    return f"{said} and {_more_than(len(names))}{more} more" if more > 0 else said


def _more_than(count: int) -> str:
    return "more than " if count >= MOST_NAMED else ""


def _count(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _tensors(count: int, what: str) -> str:
    return f"{_count(count, 'tensor')} {'is' if count == 1 else 'are'} {what}"


def _of(count: int) -> str:
    return "tensor differs" if count == 1 else "tensors differ"


def _sizes(shape: Sizes) -> str:
    return " x ".join(map(str, shape)) or "of a single number"
