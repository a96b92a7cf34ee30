"""Adapters in the place of a model."""

from pathlib import Path

import pytest

from tests.cases.adapters import adapter, beside
from tests.cases.command import tunelock
from tests.cases.conftest import Model
from tests.cases.exported import exported
from tests.cases.planned import planned


@pytest.mark.parametrize("verb", ["plan", "fit", "export"])
def test_an_adapter_is_no_base(tmp_path: Path, model: Model, verb: str) -> None:
    """peft 523: the base model is named instead."""
    place = model("adapter", adapter)
    if verb == "plan":
        said = planned(tmp_path, place)
    elif verb == "fit":
        said = tunelock(tmp_path, "fit", str(place), "--gpu", "RTX 4090")
    else:
        said = tunelock(tmp_path, "export", str(place), "--gguf", "q8_0", "--out", "x.gguf")
    assert said.code == 2 and not (tmp_path / "x.gguf").exists()
    assert "adapter" in said.err and "demo/base" in said.err, said.err


def test_an_adapter_beside_a_model_is_named(tmp_path: Path, model: Model) -> None:
    """peft 523: transformers loads the adapter that it finds in a model's folder."""
    said = planned(tmp_path, model("adapter-beside", beside))
    assert "adapter" in said.text, said.text


def test_an_adapter_in_the_folder_is_not_lost_in_silence(tmp_path: Path, model: Model) -> None:
    said = exported(tmp_path, model("adapter-beside", beside))
    assert "adapter" in said.text, said.text
