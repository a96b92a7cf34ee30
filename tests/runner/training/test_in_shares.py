"""Tensors of files that transformers transposes, where parameters are in shares."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from transformers.core_model_loading import Transpose

from runner.training.in_shares import compare_complete_shapes

NAMES: dict[str, Any] = {
    "source_patterns": ["down"], "target_patterns": ["down"], "full_layer_name": "down",
}  # fmt: skip


def converted(operation: Transpose, shape: tuple[int, ...], held: object) -> tuple[int, ...]:
    model = SimpleNamespace(get_parameter=lambda _: held)
    found = operation.convert({"down": [torch.zeros(shape)]}, model=model, **NAMES)
    return tuple(found["down"].shape)


@pytest.mark.parametrize("stored", [(3, 2, 5), (3, 5, 2)])
def test_a_tensor_is_compared_with_the_complete_parameter(
    stored: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Transpose, "convert", Transpose.convert)  # put back at the end
    shared = torch.zeros(0)
    shared.ds_shape = torch.Size((3, 2, 5))  # type: ignore[attr-defined]  # DeepSpeed's
    compare_complete_shapes()
    checking = Transpose(1, 2, check_dims=True)
    for held in (shared, torch.zeros(3, 2, 5)):
        assert converted(checking, stored, held) == (3, 2, 5)
    assert converted(Transpose(1, 2), (3, 2, 5), shared) == (3, 5, 2)
