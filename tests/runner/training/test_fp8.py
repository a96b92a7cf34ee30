"""A frozen base in FP8: its products, its place under adapters, and training with it."""

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

pytest.importorskip("trl")

from peft import LoraConfig, get_peft_model
from peft.utils import SAFETENSORS_WEIGHTS_NAME as TENSORS
from safetensors.torch import load_file
from transformers.modeling_layers import GradientCheckpointingLayer

from runner.training.fp8 import E4M3, E5M2, Fp8Linear, Way, in_fp8
from runner.training.job import Job
from tests.runner.training.test_padding_free import _job, _trained
from tests.runner.training.test_sft import base as base

pytestmark = pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing:FutureWarning")
WAYS = {
    "e4m3": Way(), "e5m2": Way(backward=E5M2), "forward": Way(backward=None),
    "exact sums": Way(fast=False),
}  # fmt: skip
TOKENS = 37


def _layer(outputs: int = 48, inputs: int = 64) -> torch.nn.Linear:
    torch.manual_seed(3)
    return torch.nn.Linear(inputs, outputs, dtype=torch.bfloat16).requires_grad_(False)


def _apart(found: torch.Tensor, exact: torch.Tensor) -> float:
    return float((found.detach().float() - exact.detach()).norm() / exact.detach().norm())


@pytest.mark.parametrize("multiple", [1, 16])
@pytest.mark.parametrize("way", WAYS)
def test_products_and_gradients_are_those_of_the_layer(way: str, multiple: int) -> None:
    plain = _layer()
    x = torch.randn(1, TOKENS, 64, dtype=torch.bfloat16, requires_grad=True)
    received = 1e-10 * torch.randn(1, TOKENS, 48, dtype=torch.bfloat16)  # as small as real ones
    found = Fp8Linear(plain, WAYS[way], multiple)(x)
    (gradient,) = torch.autograd.grad(found, x, received)
    exact = torch.nn.functional.linear(x.float(), plain.weight.float(), plain.bias.float())
    assert 0.005 < _apart(found, exact) < 0.05
    most = 0.08 if way == "e5m2" else 0.05
    assert 0.005 < _apart(gradient, received.float() @ plain.weight.float()) < most
    assert (found.dtype, gradient.dtype) == (torch.bfloat16, torch.bfloat16)


def test_large_channels_round_no_more_than_others() -> None:
    plain, x = _layer(), torch.randn(TOKENS, 64, dtype=torch.bfloat16)
    exact = torch.nn.functional.linear(x.float(), plain.weight.float(), plain.bias.float())
    x[:, 5] *= 128
    plain.weight[:, 5] /= 128
    assert _apart(Fp8Linear(plain)(x), exact) < 0.05


def test_rows_of_zeros_stay_zero() -> None:
    plain = _layer()
    plain.bias.zero_()
    x = torch.zeros(TOKENS, 64, dtype=torch.bfloat16, requires_grad=True)
    found = Fp8Linear(plain)(x)
    (gradient,) = torch.autograd.grad(found, x, torch.zeros_like(found))
    assert not found.any() and not gradient.any()


class _Layer(GradientCheckpointingLayer):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__()
        self.up, self.down = _layer(64, 64), _layer(64, 64)
        self.odd = _layer(24, 64)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = self.down(self.up(x)) + self.odd(x).sum()
        return found


def test_layers_under_adapters_are_replaced() -> None:
    model = torch.nn.ModuleDict({"layer": _Layer(), "head": _layer(64, 64)})
    model.forward = lambda x: model["head"](model["layer"](x))
    adapted = get_peft_model(model, LoraConfig(r=4, target_modules=["up", "odd", "head"]))
    x = torch.randn(TOKENS, 64, dtype=torch.bfloat16)
    before = adapted(x)
    ((adapter, plain),) = list(in_fp8(adapted))  # neither the head nor widths that units lack
    assert plain.weight.dtype == torch.bfloat16
    assert adapter.base_layer.weight.dtype == E4M3
    assert 0 < _apart(adapted(x), before.float()) < 0.1


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of torch about its own parts
def test_compiled_layers_compute_the_same() -> None:
    x = torch.randn(1, TOKENS, 64, dtype=torch.bfloat16, requires_grad=True)
    layer = Fp8Linear(_layer())
    compiled = torch.compile(layer, dynamic=True, fullgraph=True)
    for tokens in (TOKENS, 21):
        found = [made(x[:, :tokens]) for made in (layer, compiled)]
        gradients = [torch.autograd.grad(one, x, torch.ones_like(one))[0] for one in found]
        assert torch.equal(*found) and torch.equal(*gradients)


def _fp8(base: Path, work: Path, **changes: Any) -> Job:
    return _job(base, work, pass_tokens=60, base_products="fp8", **changes)


@pytest.mark.parametrize("keep", ["last", pytest.param("best", marks=pytest.mark.slow)])
def test_training_rounds_the_base_and_resumes_to_the_same_curve(
    base: Path, tmp_path: Path, keep: str
) -> None:
    plain = _trained(_job(base, tmp_path / "plain", pass_tokens=60, keep=keep))
    found = _trained(whole := _fp8(base, tmp_path / "whole", keep=keep))
    for ours, theirs in zip(found.told, plain.told, strict=True):
        assert 0 < abs(ours["loss"] - theirs["loss"]) < 0.02
    again = _fp8(base, tmp_path / "resumed", keep=keep)
    shutil.copytree(whole.work / "checkpoint-3", again.work / "checkpoint-3")
    resumed = _trained(again)
    assert [one["loss"] for one in resumed.told] == [one["loss"] for one in found.told[3:]]
    adapters = [load_file(job.work / "result" / TENSORS) for job in (whole, again)]
    for name, tensor in adapters[0].items():
        assert tensor.dtype == torch.float32 and torch.equal(tensor, adapters[1][name])


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of torch about its own parts
@pytest.mark.parametrize("checkpointing", [False, True])
def test_compiled_layers_in_fp8_train_as_others_do(
    base: Path, tmp_path: Path, checkpointing: bool
) -> None:
    torch._dynamo.reset()
    torch._dynamo.utils.counters.clear()
    plain = _trained(_fp8(base, tmp_path / "plain"))
    changes: dict[str, Any] = {"kernels": "compiled", "checkpointing": checkpointing}
    found = _trained(_fp8(base, tmp_path / "compiled", **changes))
    for ours, theirs in zip(found.told, plain.told, strict=True):
        assert ours["loss"] == pytest.approx(theirs["loss"], rel=1e-3)
    assert not torch._dynamo.utils.counters["graph_break"]
