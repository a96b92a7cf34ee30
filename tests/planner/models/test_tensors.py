"""The table of tensors, against the classes of transformers; and files that differ from it."""

import random
import re
from dataclasses import replace
from typing import Any

import pytest

from lockfiles.errors import UsageProblem
from planner.models.architecture import architecture
from planner.models.families import FAMILIES
from planner.models.held import Findings, Held
from planner.models.tensor_faults import check_tensors
from planner.models.tensors import table
from tests.few import of_families
from tests.planner.models.classes import FLAGS, in_class, in_files, made, without_body

Stored = dict[str, Held]
NAME = "base/config.json"
SHARED = {
    "use_cache", "return_dict", "output_attentions", "output_hidden_states", "is_decoder",
    "is_encoder_decoder", "add_cross_attention", "moe_apply_router_weight_on_input",
    "use_bidirectional_attention",
}  # fmt: skip
"""Flags that a model for training may not change, or that change no tensor."""


def checked(config: dict[str, Any], held: Stored) -> Findings:
    return check_tensors(architecture(config, NAME), config, held, NAME)


def refusal(config: dict[str, Any], held: Stored) -> str:
    with pytest.raises(UsageProblem) as problem:
        checked(config, held)
    assert problem.value.hint
    return problem.value.message


def described(config: dict[str, Any]) -> Stored:
    shape = architecture(config, NAME)
    return {
        one.name: Held("I64" if one.integers else "F32", one.shape) for one in table(shape, config)
    }


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize(
    ("family", "change"), of_families([*((one, {}) for one in FAMILIES), *FLAGS])
)
def test_the_table_is_that_of_the_class(family: str, change: dict[str, Any], tied: bool) -> None:
    config, model = made(family, change | {"tie_word_embeddings": tied})
    assert described(config) == in_class(model)
    assert set(described(config)) <= set(model.state_dict())


@pytest.mark.parametrize("family", of_families(FAMILIES))
def test_no_other_flag_of_a_family_changes_its_tensors(family: str) -> None:
    config, _ = made(family, {})
    for key, value in config.items():
        if isinstance(value, bool) and key not in SHARED:
            other, model = made(family, {key: not value})
            assert described(other) == in_class(model), key


@pytest.mark.parametrize("family", of_families(FAMILIES))
def test_every_layout_of_a_family_is_accepted(family: str) -> None:
    config, model = made(family, {})
    for held in (in_class(model), in_files(model)):
        assert not checked(config, held).wrong
        assert not checked(config, without_body(model, held)).wrong
        more = checked(config, held | ignorable(config, model))
        assert not more.wrong
        assert len(more.ahead) == 3 and not checked(config, held).ahead


def ignorable(config: dict[str, Any], model: Any) -> Stored:
    """Return tensors that files have besides those of the model."""
    names = [one for one in model.state_dict() if ".0." in one]
    layer = re.match(r".*?\.0\.", names[0])
    assert layer is not None
    rows = {"lm_head.weight": Held("F16", (96, 32))} if config["tie_word_embeddings"] else {}
    beyond = layer[0].replace(".0.", f".{architecture(config, NAME).layers}.")
    return {
        f"{layer[0]}self_attn.rotary_emb.inv_freq": Held("F32", (4,)),
        f"{layer[0]}attn.bias": Held("BOOL", (1, 1, 64, 64)),
        f"{layer[0]}attention.masked_bias": Held("F32", ()),
        "mtp.layers.0.self_attn.q_proj.weight": Held("BF16", (32, 32)),
        f"{beyond}eh_proj.weight": Held("BF16", (32, 64)),
        f"{beyond}input_layernorm.weight": Held("BF16", (32,)),
    } | rows


@pytest.mark.parametrize("layout", [in_class, in_files])
@pytest.mark.parametrize("family", of_families(FAMILIES))
def test_one_tensor_less_renamed_reshaped_or_more_is_refused_by_name(
    family: str, layout: Any
) -> None:
    config, model = made(family, {})
    held, drawn = layout(model), random.Random(family)
    for name in drawn.sample(sorted(held), 6):
        rest = {one: held[one] for one in held if one != name}
        assert f"`{name}`" in refusal(config, rest)
        said = refusal(config, rest | {f"{name}.x": held[name]})
        assert f"`{name}`" in said
        assert f"`{name}.x`" in said
        longer = replace(held[name], shape=(*held[name].shape, 1))
        assert f"`{name}`" in refusal(config, held | {name: longer})
        more = name.replace(".0.", ".0.more.") if ".0." in name else f"more.{name}"
        assert f"`{more}`" in refusal(config, held | {more: held[name]})
