"""Rotary positions in a GGUF file's terms; the logits of these files are compared elsewhere."""

from typing import Any

import pytest

from lockfiles.errors import UsageProblem
from planner.gguf import family
from planner.gguf.rope import Rope, rope_of
from tests.planner.gguf.test_family import LLAMA, QWEN2

YARN = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32}


def _rope(config: dict[str, Any], **rope: object) -> Rope:
    return rope_of(*family.completed(config | {"rope_parameters": rope or None}))


def test_both_names_of_the_settings_and_of_the_kind_are_read() -> None:
    assert _rope(LLAMA) == Rope(10000.0)
    old = LLAMA | {"rope_theta": 5e5, "rope_scaling": {"type": "linear", "factor": 2.0}}
    assert rope_of(*family.completed(old)) == Rope(5e5, "linear", 2.0)
    assert _rope(LLAMA, rope_theta=5e5, rope_type="linear", factor=2) == Rope(5e5, "linear", 2.0)


def test_yarn_as_llama_cpp_computes_it() -> None:
    for config in (LLAMA, QWEN2):
        assert _rope(config, **YARN) == Rope(10000.0, "yarn", 4.0, 32)
    usual = 0.1 * 1.3862943611198906 + 1
    made = _rope(QWEN2, **YARN, attention_factor=1.5)
    assert made.attention == pytest.approx(1.5 / usual) and not made.divisors
    assert _rope(LLAMA, **YARN, mscale=1.0, mscale_all_dim=1.0).attention == pytest.approx(
        1.0 / usual
    )


def test_other_boundaries_of_yarn_become_a_table_where_llama_cpp_reads_one() -> None:
    made = _rope(LLAMA, **YARN, beta_fast=16, beta_slow=2)
    assert (made.scaling, len(made.divisors)) == ("", 8)
    assert made.divisors[0] == 1.0 and made.divisors[-1] == pytest.approx(4.0)
    for odd in ({"beta_fast": 16}, {"truncate": False}):
        with pytest.raises(UsageProblem, match="reads no frequencies of its own for `qwen2`"):
            _rope(QWEN2, **YARN, **odd)


@pytest.mark.parametrize(
    ("rope", "said"),
    [
        ({"rope_type": "dynamic", "factor": 2.0}, "`rope_type` = `dynamic`"),
        ({"rope_type": "longrope", "factor": 2.0}, "`rope_type` = `longrope`"),
        ({"rope_type": "linear"}, "`factor`"),
        ({"rope_type": "linear", "factor": True}, "`factor`"),
        ({"partial_rotary_factor": 0.5}, "`partial_rotary_factor` = `0.5`"),
        ({"rope_theta": 0}, "`rope_theta`"),
        ({**YARN, "attention_factor": -1.0}, "`attention_factor`"),
        ({**YARN, "beta_slow": "x"}, "`beta_slow`"),
        ({**YARN, "rope_theta": 1.0, "beta_fast": 16}, "`rope_theta`"),
        (
            {
                "rope_type": "llama3",
                "factor": 8.0,
                "low_freq_factor": 4.0,
                "high_freq_factor": 4.0,
            },
            "`low_freq_factor` = `high_freq_factor`",
        ),
    ],
)
def test_settings_that_llama_cpp_lacks_are_refused_by_name(rope: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageProblem) as refused:
        _rope(LLAMA, **rope)
    assert said in refused.value.message and refused.value.hint


def test_settings_that_are_no_table_are_refused() -> None:
    with pytest.raises(UsageProblem, match="are not a table"):
        rope_of(*family.completed(LLAMA | {"rope_scaling": "linear"}))
