"""The closed form against the trace, for every family with few layers of real widths."""

import re
import warnings

import pytest

from planner.models.families import FAMILIES
from tests.runner.trace.cuts import chosen, cut, kinds
from tests.runner.trace.every import TABLE, cases

WORST = 0.05


def test_the_table_has_every_family_within_five_percent() -> None:
    said, _, head, *rows = TABLE.read_text("utf-8").splitlines()
    assert head.split()[:5] == ["family", "layers", "cases", "mean", "worst"]
    found = {row.split()[0]: row for row in rows}
    assert found.keys() == FAMILIES.keys()
    assert said.startswith(f"{len(FAMILIES)} families, {12 * len(FAMILIES)} cases: ")
    for row in rows:
        mean, worst = map(float, re.findall(r"([+-]?[\d.]+)%", row))
        assert mean <= abs(worst) <= 100 * WORST, row


def test_a_cut_has_a_layer_of_each_kind() -> None:
    config = {
        "num_hidden_layers": 8,
        "layer_types": [*"aaabaaab"],
        "first_k_dense_replace": 1,
        "num_kv_shared_layers": 2,
    }
    assert len(set(kinds(config))) == 5
    few = cut(config, 2)
    assert (few["num_hidden_layers"], few["layer_types"]) == (5, [*"aabab"])
    assert (few["first_k_dense_replace"], few["num_kv_shared_layers"]) == (1, 2)
    assert cut(config, 8) == config


def test_equal_layers_are_spread_from_first_to_last() -> None:
    assert chosen(["a"] * 12, 2) == [0, 11]
    assert chosen(["a"] * 12, 4) == [0, 1, 6, 11]
    assert chosen([*"abbb"], 2) == [0, 1]


@pytest.mark.slow
@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_the_closed_form_meets_the_trace(family: str) -> None:
    for package in ("trl", "peft"):
        pytest.importorskip(package)
    warnings.simplefilter("ignore")
    found = {case.name: case.peaks() for case in cases(family)}
    errors = {name: made / traced - 1 for name, (made, traced) in found.items()}
    print({name: f"{error:+.2%}" for name, error in errors.items()})
    assert {name: error for name, error in errors.items() if abs(error) > WORST} == {}
