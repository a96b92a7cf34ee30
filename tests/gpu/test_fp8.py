"""A frozen base in FP8: its products, its place under adapters, and the tables of what it does."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("peft")

import torch
from peft import LoraConfig, get_peft_model

from tests.gpu.fp8 import linear
from tests.gpu.fp8.linear import WAYS, Fp8Linear, in_fp8, restore
from tests.gpu.fp8.summary import summary

ROOT = Path(__file__).parents[2]
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
    most = 0.08 if way == "fp8-e5m2" else 0.05
    assert 0.005 < _apart(gradient, received.float() @ plain.weight.float()) < most
    assert (found.dtype, gradient.dtype) == (torch.bfloat16, torch.bfloat16)


def test_large_channels_round_no_more_than_others() -> None:
    plain, x = _layer(), torch.randn(TOKENS, 64, dtype=torch.bfloat16)
    exact = torch.nn.functional.linear(x.float(), plain.weight.float(), plain.bias.float())
    x[:, 5] *= 128
    plain.weight[:, 5] /= 128
    assert _apart(Fp8Linear(plain, WAYS["fp8"])(x), exact) < 0.05


def test_rows_of_zeros_stay_zero() -> None:
    plain = _layer()
    plain.bias.zero_()
    x = torch.zeros(TOKENS, 64, dtype=torch.bfloat16, requires_grad=True)
    found = Fp8Linear(plain, WAYS["fp8"])(x)
    (gradient,) = torch.autograd.grad(found, x, torch.zeros_like(found))
    assert not found.any() and not gradient.any()


def test_layers_under_adapters_are_replaced_and_restored() -> None:
    model = torch.nn.Sequential(_layer(64, 64), torch.nn.GELU(), _layer(64, 64))
    adapted = get_peft_model(model, LoraConfig(r=4, target_modules=["0"]))
    x = torch.randn(TOKENS, 64, dtype=torch.bfloat16)
    before = adapted(x)
    pairs = in_fp8(adapted, WAYS["fp8"])
    (adapter, plain) = pairs[0]
    assert len(pairs) == 1 and plain.weight.dtype == torch.bfloat16
    assert adapter.base_layer.weight.dtype == linear.E4M3
    assert 0 < _apart(adapted(x), before.float()) < 0.1
    restore(pairs)
    assert torch.equal(adapted(x), before)


@pytest.mark.slow
def test_compiled_layers_compute_the_same() -> None:
    x = torch.randn(1, TOKENS, 64, dtype=torch.bfloat16, requires_grad=True)
    layer = Fp8Linear(_layer(), WAYS["fp8"])
    compiled = torch.compile(layer, dynamic=True, fullgraph=True)
    for tokens in (TOKENS, 21):
        found = [made(x[:, :tokens]) for made in (layer, compiled)]
        gradients = [torch.autograd.grad(one, x, torch.ones_like(one))[0] for one in found]
        assert torch.equal(*found) and torch.equal(*gradients)


def _speed(base: str, rate: int, more: str = "") -> dict[str, Any]:
    line = f"chosen M lora chat step=16 base={base} {more}".strip()
    return {
        "name": line, "line": line, "model": "M", "base": base,
        "median_tokens_per_second": rate, "tokens_per_second": rate,
        "median_step_seconds": 1.0, "first_step_seconds": 2.0, "peak_bytes": 10**9,
        "reserved_bytes": 10**9, "settings": "", "took": 3.0,
    }  # fmt: skip


def test_rates_are_relative_to_bfloat16_before_and_after() -> None:
    found = [_speed("bf16", 90), _speed("fp8", 150), _speed("bf16", 110, "again")]
    said = "\n".join(summary(found))
    assert "| M | fp8 | 150 | 1.500 |" in said
    assert "| M | bf16 again | 110 | 1.100 |" in said


def test_curves_are_compared_with_the_first_seed_of_bfloat16() -> None:
    def curve(base: str, seed: int, shift: float) -> dict[str, Any]:
        return {
            "name": f"curve {base} {seed}", "curve": base, "seed": seed,
            "losses": [5.0 + shift] * 30, "held_out": 4.0, "held_out_in_bf16": 4.1,
        }  # fmt: skip

    found = [curve("bf16", 18, 0.2), curve("bf16", 17, 0.0), curve("fp8", 17, 0.05)]
    found.append({"name": "curve fp8-forward 17", "missing": "took too long"})
    said = list(summary(found))
    assert "| fp8 | 17 | 30 | 5.0500 | 5.0500 | 0.0500 | 0.2000 | 4.0000 | 4.1000 |" in said
    assert "not run: curve fp8-forward 17: took too long" in said


@pytest.mark.slow
def test_a_plan_is_measured_with_a_tiny_model(tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    own = [sys.executable, "-m", "tests.gpu.fp8", str(out), "--cpu", "--steps", "1"]
    subprocess.run(
        [*own, "--only", "0.5B lora chat step=16 base=fp8", "--seconds", "600"],
        cwd=ROOT, check=True,
    )  # fmt: skip
    (found,) = [json.loads(text) for text in out.read_text("utf-8").splitlines()]
    assert found["median_tokens_per_second"] > 0 and len(found["losses"]) == 4
