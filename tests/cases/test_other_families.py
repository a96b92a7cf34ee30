"""Qwen2 and Qwen3 with the tensors that Llama lacks: complete in plans and exports, or refused."""

from pathlib import Path

import pytest

from tests.cases import models, seen
from tests.cases.conftest import Model
from tests.cases.exported import OUT, exported, names, read
from tests.cases.models import Change
from tests.cases.planned import check_accepted, check_refused, planned
from tests.cases.stored import Tensor, zeros

PARTS = {
    "qwen2": {"self_attn.q_proj.bias": 256, "self_attn.k_proj.bias": 64,
              "self_attn.v_proj.bias": 64},
    "qwen3": {"self_attn.q_norm.weight": 32, "self_attn.k_norm.weight": 32},
}  # fmt: skip
"""The tensors of each layer that Llama lacks, with their sizes."""
CLASSES = {"qwen2": "Qwen2ForCausalLM", "qwen3": "Qwen3ForCausalLM"}


def family(kind: str, drop: str = "", **more: object) -> Change:
    """Return the change to a model of a family, without one tensor."""

    def make(found: dict[str, Tensor]) -> dict[str, Tensor]:
        added = {
            f"model.layers.{n}.{part}": zeros("BF16", size)
            for n in range(models.LAYERS)
            for part, size in PARTS[kind].items()
        }
        return {name: one for name, one in (found | added).items() if name != drop}

    named = {"model_type": kind, "architectures": [CLASSES[kind]], "use_sliding_window": False}
    return models.everything(
        models.config("mlp_bias", "attention_bias", **(named | more)), models.tensors(make)
    )


@pytest.mark.parametrize("kind", CLASSES)
def test_a_sound_model_is_planned_and_exported(tmp_path: Path, model: Model, kind: str) -> None:
    place = model(f"family-{kind}", family(kind))
    check_accepted(tmp_path, planned(tmp_path, place, "f16"))
    said = exported(tmp_path, place)
    assert said.code == 0, said.err
    assert len(names(read(tmp_path))) == 2 + models.LAYERS * (9 + len(PARTS[kind]))


@pytest.mark.parametrize(("kind", "part"), [
    (kind, part) for kind, parts in PARTS.items() for part in parts
])  # fmt: skip
def test_a_tensor_of_the_family_that_is_missing_is_named(
    tmp_path: Path, model: Model, kind: str, part: str
) -> None:
    name = f"model.layers.1.{part}"
    place = model(f"family-{kind}-{part}", family(kind, drop=name))
    check_refused(tmp_path, planned(tmp_path, place), name)
    said = exported(tmp_path, place)
    assert said.code == 2 and name in said.err and not (tmp_path / OUT).exists(), said.text


@pytest.mark.parametrize("kind", CLASSES)
def test_a_family_with_the_tensors_of_llama_is_refused(
    tmp_path: Path, model: Model, kind: str
) -> None:
    """A configuration that was copied from another model."""
    other = models.config(model_type=kind, architectures=[CLASSES[kind]])
    said = planned(tmp_path, model(f"{kind}-of-llama", other))
    check_refused(tmp_path, said, *PARTS[kind])


def test_sliding_windows_are_refused_by_the_plan(tmp_path: Path, model: Model) -> None:
    """A setting that the GGUF file has no field for."""
    change = family("qwen2", use_sliding_window=True, sliding_window=64, max_window_layers=1)
    said = planned(tmp_path, model("qwen2-window", change), "f16")
    assert said.code == 2 and "use_sliding_window" in said.err, said.err
    assert not (tmp_path / seen.LOCK).exists()
