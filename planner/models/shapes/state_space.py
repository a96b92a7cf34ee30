"""The linear layers and other tensors of a Mamba-2 layer."""

from planner.models.shapes.blocks import Extra, Linear
from planner.models.shapes.mixers import StateSpace


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
