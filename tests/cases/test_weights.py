"""Weights that are not what the configuration says: refused by name before a run."""

from pathlib import Path

import pytest

from tests.cases import models
from tests.cases.conftest import Model
from tests.cases.models import Change
from tests.cases.planned import check_accepted, check_refused, planned
from tests.cases.weights import FINE, UP, WRONG, one_for_another, sharded


@pytest.mark.parametrize("name", WRONG)
def test_weights_that_are_not_the_configurations_are_refused(
    tmp_path: Path, model: Model, name: str
) -> None:
    change, named = WRONG[name]
    check_refused(tmp_path, planned(tmp_path, model(f"wrong-{name}", change)), named)


def test_an_equal_number_of_parameters_is_no_proof(tmp_path: Path, model: Model) -> None:
    said = planned(tmp_path, model("one-for-another", models.tensors(one_for_another)))
    check_refused(tmp_path, said, UP, "w3")


@pytest.mark.parametrize("name", FINE)
def test_what_a_loader_ignores_is_accepted(tmp_path: Path, model: Model, name: str) -> None:
    check_accepted(tmp_path, planned(tmp_path, model(f"fine-{name}", FINE[name])))


def test_shards_are_accepted(tmp_path: Path, model: Model) -> None:
    check_accepted(tmp_path, planned(tmp_path, model("shards", sharded())))


@pytest.mark.parametrize(("change", "named"), [
    (sharded(drop=UP), UP),
    (sharded(stale="model.layers.7.mlp.up_proj.weight"), "model.layers.7"),
    (sharded(lost=True), "model-00002-of-00002"),
], ids=["dropped", "stale", "lost"])  # fmt: skip
def test_shards_that_are_not_the_index_are_refused(
    tmp_path: Path, model: Model, change: Change, named: str, request: pytest.FixtureRequest
) -> None:
    place = model(f"shards-{request.node.callspec.id}", change)
    check_refused(tmp_path, planned(tmp_path, place), named)


POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:{}\nsize 3886000\n"


@pytest.mark.parametrize("spoil", [
    lambda path: path.write_text(POINTER.format("0" * 64), "utf-8"),
    lambda path: path.write_bytes(path.read_bytes()[:-4096]),
    lambda path: path.write_bytes(b""),
    lambda path: path.write_text("<!DOCTYPE html><html>429 Too Many Requests</html>", "utf-8"),
], ids=["lfs-pointer", "cut", "empty", "web-page"])  # fmt: skip
def test_weights_that_are_none_are_refused(
    tmp_path: Path, model: Model, spoil: Change, request: pytest.FixtureRequest
) -> None:
    """transformers 27923, OmniParser 34, MFTCoder 20: `HeaderTooLarge` of a pointer of Git LFS."""

    def change(folder: Path) -> None:
        spoil(folder / "model.safetensors")

    place = model(f"spoiled-{request.node.callspec.id}", change)
    said = planned(tmp_path, place)
    check_refused(tmp_path, said, "model.safetensors")
    if request.node.callspec.id == "lfs-pointer":
        assert "LFS" in said.err, said.err
