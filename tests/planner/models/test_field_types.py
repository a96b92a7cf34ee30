"""The types of the fields of a `config.json` are those that the classes of transformers take."""

import json
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub.errors import StrictDataclassFieldValidationError
from transformers import CONFIG_MAPPING

from lockfiles.errors import UsageProblem
from planner.models.families import FAMILIES
from planner.models.field_types import of_family
from planner.models.loadable import check_loadable
from tests.few import of_families

VALUES: dict[str, Any] = {"n": None, "b": True, "i": 7, "f": 0.5, "s": "x", "l": [], "t": {}}
SIZES = {
    "vocab_size": 64, "hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 1,
    "num_attention_heads": 2, "num_key_value_heads": 2, "bos_token_id": 0, "eos_token_id": 0,
    "pad_token_id": 0,
}  # fmt: skip


def taken(family: str, field: str, value: object) -> bool:
    """Return whether the class of a family takes a value of this type."""
    try:
        CONFIG_MAPPING[family](**SIZES | {field: value})
    except StrictDataclassFieldValidationError:
        return False
    except Exception:  # of the right type, but a value that does not go with others
        return True
    return True


@pytest.mark.parametrize("family", of_families(sorted(FAMILIES)))
def test_the_types_are_those_of_the_class(family: str) -> None:
    for field, types in of_family(family).items():
        for letter, value in VALUES.items():
            assert taken(family, field, value) == (letter in types), (field, letter)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"hidden_act": None}, "`hidden_act` in `{}` is `null`, but must be a text."),
        ({"num_key_value_heads": "2"}, "is `2`, but must be null or an integer."),
        ({"use_cache": None}, "must be true or false."),
        ({"bos_token_id": [1, 2]}, "is `[1, 2]`, but must be null or an integer."),
    ],
)
def test_another_type_is_refused(values: dict[str, object], said: str, tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text(json.dumps({"model_type": "llama"} | values))
    with pytest.raises(UsageProblem) as problem:
        check_loadable(tmp_path)
    assert said.format(path) in problem.value.message


def test_fields_that_the_class_does_not_have_are_free(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "llama", "alibi": 3, "n_inner": "x"}')
    check_loadable(tmp_path)
