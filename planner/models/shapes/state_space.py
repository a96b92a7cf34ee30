"""A Mamba-2 layer: its sizes in a `config.json`, its linear layers and other tensors."""

from collections.abc import Mapping

from planner.models.shapes.blocks import Extra, Linear
from planner.models.shapes.config_json import ConfigJson
from planner.models.shapes.mixers import StateSpace
from planner.models.shapes.shape import Architecture

_SIZES = ("mamba_n_groups", "mamba_d_state", "mamba_d_conv", "mamba_chunk_size")
OWN: Mapping[str, str] = dict.fromkeys(("mamba_n_heads", "mamba_d_head", *_SIZES), "some")
"""What a family with such layers says of the facts that `sizes` reads: none is 0."""
FIELD_TYPES: Mapping[str, str] = {
    **dict.fromkeys(("mamba_n_heads", "mamba_expand", *_SIZES), "ni"),
    "mamba_d_head": "nis",
    "mamba_conv_bias": "nb",
    "mamba_proj_bias": "nb",
}
"""The types of the fields of such layers."""
DEFAULTS: Mapping[str, int | str | bool] = {
    "mamba_n_heads": 128, "mamba_d_head": "auto", "mamba_n_groups": 1, "mamba_d_state": 256,
    "mamba_d_conv": 4, "mamba_expand": 2, "mamba_chunk_size": 256, "mamba_conv_bias": True,
}  # fmt: skip
"""Their defaults, which are those of each class with such layers."""


def sizes(found: ConfigJson, inner: int | None = None) -> dict[str, int]:
    """Return the sizes of the Mamba heads, of `inner` channels together or, without that, of
    `mamba_expand` times the residual stream.

    Raises UsageProblem where they contradict each other.
    """
    heads, groups = found.integer("mamba_n_heads"), found.integer("mamba_n_groups")
    if inner is None:
        inner = found.integer("mamba_expand") * found.integer("hidden_size")
    each = inner // heads
    if found.values.get("mamba_d_head") != "auto":
        each = found.integer("mamba_d_head")
    if heads * each != inner or heads % groups:
        raise found.contradiction(
            f"has {heads} Mamba heads of width {each} in {groups} groups, but {inner} channels"
        )
    own = {"mamba_n_heads": heads, "mamba_d_head": each}
    return own | {name: found.integer(name) for name in _SIZES}


def mixer(shape: Architecture) -> StateSpace:
    """Return the mixer of those sizes, with a norm behind its gate."""
    return StateSpace(
        heads=shape.integer("mamba_n_heads"),
        head_dim=shape.integer("mamba_d_head"),
        groups=shape.integer("mamba_n_groups"),
        state=shape.integer("mamba_d_state"),
        kernel=shape.integer("mamba_d_conv"),
        chunk=shape.integer("mamba_chunk_size"),
    )


def linears(
    mixer: StateSpace, hidden: int, module: str, *, biased: bool = False
) -> tuple[Linear, ...]:
    """Return the projections before and after the state space, which are in `module`."""
    entering = mixer.inner + mixer.convolved + mixer.heads
    return (
        Linear("in_proj", hidden, entering, biased=biased, module=module),
        Linear("out_proj", mixer.inner, hidden, "output", biased=biased, module=module),
    )


def extras(mixer: StateSpace, module: str, *, biased: bool = True) -> tuple[Extra, ...]:
    """Return the other tensors; `biased` says whether the convolution has a bias."""
    norm = (Extra(f"{module}.norm.weight", (mixer.inner,)),)
    return (
        *convolution(f"{module}.conv1d", mixer.convolved, mixer.kernel, biased=biased),
        *(Extra(f"{module}.{name}", (mixer.heads,)) for name in ("dt_bias", "A_log", "D")),
        *(norm * mixer.normed),
    )


def convolution(name: str, channels: int, kernel: int, *, biased: bool) -> tuple[Extra, ...]:
    """Return the tensors of a convolution over each channel by itself."""
    weight = Extra(f"{name}.weight", (channels, 1, kernel))
    return (weight, Extra(f"{name}.bias", (channels,))) if biased else (weight,)
