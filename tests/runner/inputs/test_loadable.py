"""What is refused of a model's small files against the classes of transformers that read them."""

import json
from pathlib import Path

import pytest

pytest.importorskip("transformers")

from transformers import AutoConfig, PreTrainedConfig
from transformers.activations import ACT2FN
from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

from planner.models.families import FAMILIES
from planner.models.loadable import check_loadable
from planner.models.loadable_kinds import ACTIVATIONS, RESERVED
from planner.models.rope import KINDS
from tests.few import of_families


@pytest.mark.parametrize("family", of_families(sorted(FAMILIES)))
def test_what_transformers_writes_is_loadable(family: str, tmp_path: Path) -> None:
    values = AutoConfig.for_model(family).to_dict()
    (tmp_path / "config.json").write_text(json.dumps(values, default=str))
    check_loadable(tmp_path)


def test_every_method_of_a_configuration_is_reserved() -> None:
    names = [name for name in dir(PreTrainedConfig) if not name.startswith("_")]
    methods = {name for name in names if callable(getattr(PreTrainedConfig, name, None))}
    assert methods <= RESERVED


def test_activations_and_rotary_embeddings_are_those_of_transformers() -> None:
    assert set(ACTIVATIONS) <= set(ACT2FN)
    assert {*ROPE_INIT_FUNCTIONS, "default"} == set(KINDS)
