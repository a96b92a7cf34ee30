"""The functions of other packages that transformers takes for layers without attention.

It looks for them when it imports the class of a model, and computes with torch where a package is
not installed (`transformers.integrations.hub_kernels.use_kernel_func_from_hub_with_fallback`).
"""

import sys

from torch import nn

MODULES = ("causal_conv1d", "fla", "mamba_ssm")
_WITH_PROJECTION = "mamba2_split_conv1d_scan_combined"
"""Computes a Mamba-2 layer to its end, the product with the weight of `out_proj` included."""


def torch_only() -> None:
    """Keep transformers from taking such functions, which compute on a GPU only.

    Classes that are imported already keep theirs.
    """
    for name in MODULES:
        sys.modules.setdefault(name, None)  # type: ignore[arg-type]


def call_projections(model: nn.Module) -> None:
    """Make Mamba-2 layers call `out_proj` in training, for a base that bitsandbytes quantizes.

    Its weight is packed there, and the function of `mamba-ssm` would multiply by it. Functions of
    packages still compute convolution and scan. Changes the class, for all its models in this
    process.
    """
    for file in {type(module).__module__ for module in model.modules()}:
        if hasattr(sys.modules[file], _WITH_PROJECTION):
            setattr(sys.modules[file], _WITH_PROJECTION, _nothing)


def _nothing(*_: object, **__: object) -> None:
    """Return what the class takes for a package that is not installed."""
