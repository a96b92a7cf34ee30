"""The tensors of a decoder, from its shape: names in transformers 5, and shapes."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from planner.models.families import FAMILIES
from planner.models.layers import blocks
from planner.models.shapes.blocks import Block, Linear
from planner.models.shapes.family import Family
from planner.models.shapes.naming import Naming
from planner.models.shapes.shape import Architecture
from planner.models.shapes.shared_keys import UNREAD

Sizes = tuple[int, ...]
HEAD = "lm_head.weight"


@dataclass(frozen=True)
class Tensor:
    """One tensor of the model class."""

    name: str
    shape: Sizes
    parts: Mapping[str, Sizes] | None = None
    """The tensors of one expert in published files, by name with `*` for its number; together,
    those of all experts replace this tensor. Without experts, the parts of the tensor itself."""
    experts: int = 0
    """How many experts those are."""
    turned: bool = False
    """Whether files may hold it with its last two dimensions swapped."""
    buffer: bool = False
    """Whether it is a buffer, which is stored but not counted as a parameter."""
    integers: bool = False
    """Whether it holds integers."""


def table(shape: Architecture, config: Mapping[str, Any]) -> tuple[Tensor, ...]:
    """Return the tensors that the files of a model must hold, with their exact shapes.

    `config` has the fields of the decoder. A head tied to the embedding is left out.
    """
    names, kind = _names(shape, config), _kind(shape, config)
    stem, found, layer = _path(names.body, names.stem), list(_ends(shape, names, kind)), 0
    for block in blocks(shape):
        for number in block.at or range(layer, layer + block.count):
            at = f"{_path(stem, names.layers)}.{number}"
            found += (
                replace(
                    one,
                    name=f"{at}.{one.name}",
                    parts=one.parts and {f"{at}.{n}": size for n, size in one.parts.items()},
                )
                for one in _layer(shape, block, names, kind)
            )
        layer += block.count
    return tuple(found)


def names_of(shape: Architecture) -> Naming:
    """Return how the family of a model names its tensors."""
    return FAMILIES[shape.family].naming


def embedding_of(shape: Architecture) -> str:
    """Return the name of the embedding's weight."""
    names = FAMILIES[shape.family].naming
    return _path(names.body, names.stem, names.embedding, "weight")


def layers_of(shape: Architecture) -> str:
    """Return the name of the list of layers."""
    names = FAMILIES[shape.family].naming
    return _path(names.body, names.stem, names.layers)


def unread(shape: Architecture) -> Iterator[str]:
    """Yield the names of tensors that files may have and the class does not: the projections and
    norms of keys and values in layers that read those of an earlier one."""
    names = FAMILIES[shape.family].naming
    for block in blocks(shape):
        for number in block.at if block.shared_keys else ():
            at = f"{layers_of(shape)}.{number}.{names.attention}"
            for name in UNREAD:
                yield from (f"{at}.{name}.weight", f"{at}.{name}.bias")


def _names(shape: Architecture, config: Mapping[str, Any]) -> Naming:
    """Return a family's names, with those norms that a field of the configuration selects."""
    names = FAMILIES[shape.family].naming
    if shape.family == "falcon" and config.get("new_decoder_architecture"):
        two = ("ln_attn", "ln_mlp")
        return replace(names, norms=two if shape.norms_per_layer == 2 else ("input_layernorm",))
    if shape.family == "opt" and _ends_bare(config):
        return replace(names, final="")
    if shape.family == "apertus" and config.get("hidden_act", "xielu") != "xielu":
        return replace(names, constants=None)
    return replace(names, norms=names.norms[: shape.norms_per_layer])


def _ends_bare(config: Mapping[str, Any]) -> bool:
    """Return whether an OPT has no norm before its head."""
    before = config.get("do_layer_norm_before", True)
    return not before or bool(config.get("_remove_final_layer_norm"))


def _kind(shape: Architecture, config: Mapping[str, Any]) -> Family:
    """Return the family, without the vectors of norms that a field of the configuration removes."""
    kind = FAMILIES[shape.family]
    plain = shape.family == "opt" and config.get("layer_norm_elementwise_affine") is False
    return replace(kind, norm_vectors=0) if plain else kind


def _path(*names: str) -> str:
    return ".".join(filter(None, names))


def _ends(shape: Architecture, names: Naming, kind: Family) -> Iterator[Tensor]:
    """Yield embedding, position table, norms outside the layers, and head."""
    stem, wide = _path(names.body, names.stem), (shape.vocabulary, shape.hidden)
    yield Tensor(_path(stem, names.embedding, "weight"), wide)
    if names.positions:
        rows = shape.context + (kind.positions or 0)
        yield Tensor(_path(stem, names.positions, "weight"), (rows, shape.hidden))
    for extra in kind.outside(shape) if kind.outside else ():
        yield Tensor(_path(stem, extra.name), extra.shape, buffer=extra.buffer)
    for norm in filter(None, (names.embedding_norm, names.final)):
        yield from _norm(_path(stem, norm), (shape.hidden,), kind.norm_vectors)
    if not shape.tied:
        yield Tensor(HEAD, wide)
    if shape.head_bias:
        yield Tensor("lm_head.bias", (shape.vocabulary,))


def _norm(name: str, sizes: Sizes, vectors: int) -> Iterator[Tensor]:
    for part in ("weight", "bias")[:vectors]:
        yield Tensor(f"{name}.{part}", sizes)


def _layer(shape: Architecture, block: Block, names: Naming, kind: Family) -> Iterator[Tensor]:
    for norm in names.norms if block.norms is None else block.norms:
        yield from _norm(norm, (shape.hidden,), kind.norm_vectors)
    if block.mixer is None or block.mixer.attends:
        norms = _qk_norms(block.attention or shape, names, kind)
        keys = f"{_path(names.attention, names.qk_norms[1])}."
        yield from (one for one in norms if not (block.shared_keys and one.name.startswith(keys)))
    shared = _path(names.mixture, names.shared)
    for linear in block.linears:
        inside = linear.place in ("attention", "output")
        mlp = shared if block.experts else names.mlp
        usual = names.attention if inside else "" if linear.place == "side" else mlp
        yield from _linear(linear.module or usual, linear, names)
    for extra in block.extras:
        yield Tensor(
            extra.name,
            extra.shape,
            parts=dict(extra.parts) or None,
            buffer=extra.buffer,
            integers=extra.integers,
        )
    if kind.sinks:
        yield Tensor(_path(names.attention, "sinks"), (shape.heads,))
    for name, sizes in (names.constants or {}).items():
        yield Tensor(name, sizes)
    if block.experts:
        yield from _mixture(shape, block, names, kind)


def _linear(module: str, linear: Linear, names: Naming) -> Iterator[Tensor]:
    name = _path(module, linear.name.rpartition(".")[2])
    sizes = (linear.outputs, linear.inputs)
    yield Tensor(f"{name}.weight", sizes[::-1] if names.transposed else sizes)
    if linear.biased:
        yield Tensor(f"{name}.bias", (linear.outputs,))


def _qk_norms(shape: Architecture, names: Naming, kind: Family) -> Iterator[Tensor]:
    if not shape.qk_norm:
        return
    for norm, heads in zip(names.qk_norms, (shape.heads, shape.kv_heads), strict=True):
        name = _path(names.attention, norm)
        if names.qk_heads == "listed":
            for head in range(heads):
                yield Tensor(f"{name}.norms.{head}.weight", (shape.head_dim,))
        elif names.qk_heads == "stacked":
            yield Tensor(f"{name}.weight", (heads, shape.head_dim))
        else:
            width = (heads if kind.qk_width == "all" else 1) * shape.head_dim
            yield from _norm(name, (width,), kind.qk_vectors)


def _mixture(shape: Architecture, block: Block, names: Naming, kind: Family) -> Iterator[Tensor]:
    """Yield router, correction, the shared expert's gate, and the fused experts."""
    count, h = shape.experts, shape.hidden
    if names.router:
        yield Tensor(_path(names.mixture, names.router), (count, h))
    if kind.expert_bias:
        yield Tensor(_path(names.mixture, names.router.replace("weight", "bias")), (count,))
    if names.correction:
        yield Tensor(_path(names.mixture, names.correction), (count,), buffer=True)
    if kind.shared_gate and block.mlp:
        yield Tensor(_path(names.mixture, "shared_expert_gate.weight"), (1, h))
    ups, h = (2 if shape.gated_mlp else 1) * block.expert, block.routed_hidden or h
    first, last = names.experts
    for name, sizes, parts in (
        (first, (ups, h), names.parts[:-1]),
        (last, (h, block.expert), names.parts[-1:]),
    ):
        one = Tensor(_path(names.mixture, "experts", name), (count, *sizes), experts=count)
        inner = (block.expert, h) if len(parts) == 2 else sizes
        whole = {_path(names.mixture, "experts.*", part): inner for part in parts}
        fused = (count, *sizes[::-1]) if names.inputs_first else one.shape
        yield replace(one, shape=fused, parts=whole or None)
        if kind.expert_bias:
            yield Tensor(f"{one.name}_bias", (count, sizes[0]))
