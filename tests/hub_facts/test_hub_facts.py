"""The catalogue is what the Hub says, and covers most of what is downloaded."""

import json
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.hub_facts import coverage, differences, llmfit, table
from tests.hub_facts.table import OTHERS, HubFamily, HubModel

AGAIN = "`python -m tests.hub_facts` lists them"
ROW = {
    "names": ["Qwen/Qwen3-8B"], "license": "apache-2.0", "gated": False, "seen": table.seen(),
    "parameters": 8_190_735_360,
    "config": {
        "model_type": "qwen3", "hidden_size": 4096, "num_hidden_layers": 36,
        "num_attention_heads": 32, "num_key_value_heads": 8, "head_dim": 128,
        "intermediate_size": 12288, "vocab_size": 151936, "max_position_embeddings": 40960,
    },
}  # fmt: skip
FACT = HubModel(
    "Qwen/Qwen3-8B", "qwen3", 10_000_000, 8_190_735_360, "apache-2.0", 151936, 36, 4096, 32, 8
)


def test_no_row_of_the_catalogue_differs_from_the_facts() -> None:
    assert differences.differences() == [], AGAIN


def test_families_and_catalogue_cover_their_shares_of_the_downloads() -> None:
    assert coverage.of_families() >= 0.9
    assert coverage.of_catalogue() >= 0.75


def test_nearly_every_name_of_the_catalogue_is_compared() -> None:
    assert len(differences.unknown()) <= 12


def said(row: dict[str, Any], fact: HubModel = FACT) -> list[str]:
    return list(differences.of_row("Qwen/Qwen3-8B", ROW | row, fact))


def test_a_row_that_is_right_says_nothing() -> None:
    found = next(one for one in table.models() if one.name == FACT.name)
    assert replace(found, downloads=FACT.downloads) == FACT
    assert said({}) == []


@pytest.mark.parametrize(
    ("row", "part"),
    [
        ({"parameters": 8_190_735_361}, "files hold 8,190,735,360 parameters"),
        ({"not_loaded": {"mtp": 2}}, "the row 8,190,735,362"),
        ({"license": "mit"}, "its license is `apache-2.0`, in the row `mit`"),
        ({"gated": True}, "anyone could read its `config.json`"),
        ({"seen": "2020-01"}, f"its gate was seen in {table.seen()}, in the row in 2020-01"),
        ({"seen": ""}, "in the row in no month"),
        ({"config": ROW["config"] | {"num_key_value_heads": 4}}, "its `kv_heads` is 8, in the"),  # type: ignore[operator]
    ],
)
def test_a_row_that_is_wrong_says_how(row: dict[str, Any], part: str) -> None:
    (one,) = said(row)
    assert part in one


def test_a_model_that_nobody_read_does_not_show_that_it_is_open() -> None:
    closed = replace(FACT, vocabulary=0)
    assert said({"gated": True}, closed) == []
    assert "nothing shows" in said({}, closed)[0]
    assert said({"seen": ""}, closed) == []


def test_a_mirror_of_a_gated_model_is_open_and_has_no_license_of_its_own() -> None:
    row = ROW | {"gated": True, "license": "llama3", "mirrors": ["a/b"]}
    assert list(differences.of_row("a/b", row, replace(FACT, name="a/b"))) == []


def entry(name: str, **change: object) -> dict[str, object]:
    return {
        "name": name, "architecture": "llama", "hf_downloads": 30_000, "parameters_raw": 7,
        "license": None, "pipeline_tag": "text-generation", "format": "gguf",
        "vocab_size": 9, "num_hidden_layers": 2, "hidden_size": 8, "num_attention_heads": 4,
        "num_key_value_heads": 4,
    } | change  # fmt: skip


def test_facts_are_read_from_the_program_in_a_wheel(tmp_path: Path) -> None:
    rows = [
        entry("a/One", num_key_value_heads=2), entry("A/one"), entry("a/One-AWQ"),
        entry("a/mlx", format="mlx"), entry("a/speech", pipeline_tag="text-to-speech"),
        entry("b/wanted", pipeline_tag="unknown"),
        entry("c/small", architecture="own", hf_downloads=3, vocab_size=None),
    ]  # fmt: skip
    wheel = tmp_path / "program.whl"
    with zipfile.ZipFile(wheel, "w") as file:
        file.writestr("program", b"\x7fELF[1]" + json.dumps(rows).encode() + b"\x00[\xff")
        file.writestr("small", "{}")
    found = llmfit.read(wheel, ["B/Wanted"])
    assert [one.name for one in found] == ["a/One", "c/small", "b/wanted"]
    assert (found[0].kv_heads, found[2].kv_heads, found[2].downloads) == (2, 0, 0)
    assert [one.readable for one in found] == [True, False, True]
    families = llmfit.by_family(one for one in found if one.downloads)
    assert families == [HubFamily("llama", 1, 30_000), HubFamily(OTHERS, 1, 3)]


@pytest.mark.parametrize(
    ("stated", "change", "known"),
    [
        (1_609, {}, 1_609),
        (2 * (4 * 64 + 2 * 8 * 32) + 72, {}, 0),
        (2 * (4 * 64 + 2 * 8 * 16) + 72, {"moe_intermediate_size": 16}, 0),
        (2 * (2 * 8 * 2 * 8 + 3 * 8 * 16) + 2 * 72, {"moe_intermediate_size": 16}, 0),
        (2 * (2 * 8 * 2 * 8 + 3 * 8 * (3 * 16 + 5) + 24) + 2 * 72,
         {"moe_intermediate_size": 16, "num_experts": 3, "shared_expert_intermediate_size": 5}, 0),
        (7_000_000_000, {}, 0),
    ],
)  # fmt: skip
def test_what_the_source_estimates_is_not_a_count(
    tmp_path: Path, stated: int, change: dict[str, int], known: int
) -> None:
    wheel = tmp_path / "program.whl"
    with zipfile.ZipFile(wheel, "w") as file:
        file.writestr("program", json.dumps([entry("a/b", parameters_raw=stated, **change)]))
    (model,) = llmfit.read(wheel, ())
    assert model.parameters == known


def test_the_files_are_written_as_they_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    models, families, month = table.models(), table.families(), table.seen()
    before = table.MODELS.read_bytes(), table.FAMILIES.read_bytes()
    monkeypatch.setattr(table, "MODELS", tmp_path / "models.tsv")
    monkeypatch.setattr(table, "FAMILIES", tmp_path / "families.tsv")
    table.write(month, models, families)
    assert (table.MODELS.read_bytes(), table.FAMILIES.read_bytes()) == before
    assert (table.models(), table.families(), table.seen()) == (models, families, month)
