"""Models of transformers' classes on `meta`, for tests of shapes and names."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

import torch

_DRAWN = ("kaiming_uniform_", "normal_", "uniform_")
"""Functions of `torch.nn.init` that fill a new tensor."""


@contextmanager
def on_meta() -> Iterator[None]:
    """Make new tensors on `meta`, and draw no values for them: that takes most of the time there,
    and no tensor on `meta` has values."""
    with torch.device("meta"), ExitStack() as patches:
        for name in _DRAWN:
            patches.enter_context(patch.object(torch.nn.init, name, _as_it_is))
        yield


def _as_it_is(tensor: Any, *_: Any, **__: Any) -> Any:
    return tensor
