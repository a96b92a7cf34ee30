"""Base models that are quantized: refused by the method's name before a run."""

from pathlib import Path

import pytest

from tests.cases import models, seen
from tests.cases.command import tunelock
from tests.cases.conftest import Model
from tests.cases.models import Change
from tests.cases.planned import check_refused, planned
from tests.cases.quantized import QUANTIZED, fp8, gptq, linear, method, packed
from tests.cases.stored import Tensor, zeros


@pytest.mark.parametrize("name", QUANTIZED)
def test_a_quantized_base_is_refused(tmp_path: Path, model: Model, name: str) -> None:
    place = model(f"quantized-{name}", *QUANTIZED[name])
    check_refused(tmp_path, planned(tmp_path, place), name, name.upper(), name.title())


@pytest.mark.parametrize("name", ["gptq", "awq", "fp8"])
def test_what_fits_on_a_quantized_base_is_said_with_its_name(
    tmp_path: Path, model: Model, name: str
) -> None:
    place = model(f"quantized-{name}", *QUANTIZED[name])
    said = tunelock(tmp_path, "fit", str(place), "--gpu", "RTX 4090")
    assert name in said.text.lower(), said.text


@pytest.mark.parametrize(
    "change",
    [models.tensors(gptq), models.tensors(fp8), packed("I8", ".weight")],
    ids=["gptq", "fp8", "int8"],
)
def test_quantized_weights_without_a_word_are_refused(
    tmp_path: Path, model: Model, change: Change, request: pytest.FixtureRequest
) -> None:
    """The configuration has lost its `quantization_config`, and the tensors show it."""
    place = model(f"silent-{request.node.callspec.id}", change)
    said = planned(tmp_path, place)
    check_refused(tmp_path, said, "proj", "F8_E4M3", "qweight")


def test_a_base_of_bitsandbytes_is_trained_or_refused_by_name(tmp_path: Path, model: Model) -> None:
    """unsloth's `-bnb-4bit` models: packed bytes and the state of their quantization."""

    def make(found: dict[str, Tensor]) -> dict[str, Tensor]:
        made = dict(found)
        for name in filter(linear, found):
            out, width = found[name].shape
            made[name] = zeros("U8", out * width // 2, 1)
            made[f"{name}.absmax"] = zeros("F32", out * width // 64)
            made[f"{name}.quant_map"] = zeros("F32", 16)
            made[f"{name}.quant_state.bitsandbytes__nf4"] = zeros("U8", 90)
        return made

    config = method("bitsandbytes", load_in_4bit=True, bnb_4bit_quant_type="nf4")
    said = planned(tmp_path, model("bnb", models.tensors(make), config))
    if said.code:
        check_refused(tmp_path, said, "bitsandbytes")
    else:
        assert 'method = "qlora"' in (tmp_path / seen.LOCK).read_text("utf-8")
