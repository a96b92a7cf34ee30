"""The layers of families that alternate gated attention and gated delta rules."""

from collections.abc import Iterator, Mapping
from typing import Any

from planner.models.shapes.blocks import Block, Extra, Linear
from planner.models.shapes.config_json import ConfigJson
from planner.models.shapes.letters import letters
from planner.models.shapes.mixers import GatedDelta
from planner.models.shapes.shape import Architecture

LETTERS: Mapping[str, str] = {"full_attention": "f", "linear_attention": "l"}
"""The letter in `own.layers` of each type of layer."""
OWN: Mapping[str, str] = {
    "layers": "fl",
    "linear_conv_kernel_dim": "some",
    "linear_key_head_dim": "some",
    "linear_num_key_heads": "some",
    "linear_num_value_heads": "some",
    "linear_value_head_dim": "some",
}
"""The names of `Architecture.own`."""
DEFAULTS: Mapping[str, object] = {
    "full_attention_interval": 4,
    "head_dim": 256,
    "linear_conv_kernel_dim": 4,
    "linear_key_head_dim": 128,
    "linear_num_key_heads": 16,
    "linear_num_value_heads": 32,
    "linear_value_head_dim": 128,
}
"""Values of fields that a `config.json` may leave out."""
FIELDS = (
    "head_dim layer_types linear_conv_kernel_dim linear_key_head_dim linear_num_key_heads "
    "linear_num_value_heads linear_value_head_dim"
)
"""The fields of the configuration classes besides the usual ones."""
_AT = "linear_attn"


def read(found: ConfigJson) -> Mapping[str, Any]:
    """Return the fields of `Architecture` that differ from the usual reading.

    Raises UsageProblem for a layer of an unknown type, and for numbers that contradict each other.
    """
    own: dict[str, int | str] = {name: found.integer(name) for name in OWN if name != "layers"}
    keys, values = found.integer("linear_num_key_heads"), found.integer("linear_num_value_heads")
    if values % keys:
        raise found.contradiction(f"has {values} value heads for {keys} key heads")
    own["layers"] = letters(found, "layer_types", LETTERS) or _every(found)
    return {"own": tuple(sorted(own.items()))}


def blocks(shape: Architecture, *, fused: bool = False) -> tuple[Block, ...]:
    """Return the layers of a shape, in groups of equal ones.

    With `fused`, one projection gives queries, keys, values and gate, and one gives both decays.
    """
    dense = shape.dense_layers if shape.experts else shape.layers
    groups: dict[tuple[str, bool], list[int]] = {}
    for number, letter in enumerate(shape.text("layers")):
        groups.setdefault((letter, number < dense), []).append(number)
    return tuple(
        _block(shape, letter, plain, tuple(at), fused) for (letter, plain), at in groups.items()
    )


def _every(found: ConfigJson) -> str:
    """Return the layers of a file without `layer_types`: each last of an interval attends."""
    layers, every = found.integer("num_hidden_layers"), found.integer("full_attention_interval")
    return "".join("l" if number % every else "f" for number in range(1, layers + 1))


def _block(
    shape: Architecture, letter: str, plain: bool, at: tuple[int, ...], fused: bool
) -> Block:
    mixer = _mixer(shape, fused) if letter == "l" else None
    width = shape.intermediate if plain else shape.shared_intermediate
    mixing = tuple(_projections(shape, mixer) if mixer else _attention(shape))
    return Block(
        len(at),
        (*mixing, *_mlp(shape, width)),
        width,
        experts=0 if plain else 3 * shape.experts * shape.hidden * shape.moe_intermediate,
        routed=0 if plain else shape.experts_per_token,
        expert=0 if plain else shape.moe_intermediate,
        at=at,
        mixer=mixer,
        extras=tuple(_extras(shape, mixer)) if mixer else (),
    )


def _mixer(shape: Architecture, fused: bool) -> GatedDelta:
    return GatedDelta(
        key_heads=shape.integer("linear_num_key_heads"),
        value_heads=shape.integer("linear_num_value_heads"),
        key_dim=shape.integer("linear_key_head_dim"),
        value_dim=shape.integer("linear_value_head_dim"),
        fused=fused,
    )


def _attention(shape: Architecture) -> Iterator[Linear]:
    """Yield the projections of attention; that of the queries gives the gate of its output too."""
    h, q, kv = shape.hidden, shape.heads * shape.head_dim, shape.kv_heads * shape.head_dim
    for name, width in (("q_proj", 2 * q), ("k_proj", kv), ("v_proj", kv)):
        yield Linear(name, h, width, biased=shape.bias)
    yield Linear("o_proj", q, h, "output", shape.o_bias)


def _projections(shape: Architecture, mixer: GatedDelta) -> Iterator[Linear]:
    heads, both = mixer.value_heads, mixer.convolved + mixer.values
    apart = (
        ("in_proj_qkv", mixer.convolved),
        ("in_proj_z", mixer.values),
        ("in_proj_b", heads),
        ("in_proj_a", heads),
    )
    together = (("in_proj_qkvz", both), ("in_proj_ba", 2 * heads))
    for name, width in together if mixer.fused else apart:
        yield Linear(name, shape.hidden, width, module=_AT)
    yield Linear("out_proj", mixer.values, shape.hidden, "output", module=_AT)


def _mlp(shape: Architecture, width: int) -> Iterator[Linear]:
    yield Linear("gate_proj", shape.hidden, width, "mlp")
    yield Linear("up_proj", shape.hidden, width, "mlp")
    yield Linear("down_proj", width, shape.hidden, "down")


def _extras(shape: Architecture, mixer: GatedDelta) -> Iterator[Extra]:
    kernel = shape.integer("linear_conv_kernel_dim")
    yield Extra(f"{_AT}.conv1d.weight", (mixer.convolved, 1, kernel))
    yield Extra(f"{_AT}.dt_bias", (mixer.value_heads,))
    yield Extra(f"{_AT}.A_log", (mixer.value_heads,))
    yield Extra(f"{_AT}.norm.weight", (mixer.value_dim,))
