"""The head of a base model of which the plan read headers only."""

import shutil
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

from lockfiles.errors import UsageProblem
from lockfiles.lock import Model
from runner.inputs.model_facts import differing_facts
from tests.lockfiles.samples import LOCK

BASE = Path(__file__).parents[3] / "runner" / "demo" / "base"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    base = Path(shutil.copytree(BASE, tmp_path / "base"))
    tensors = dict(load_file(base / "model.safetensors"))
    head = tensors["model.embed_tokens.weight"].clone()
    head[0, 0] += 1
    save_file(tensors | {"lm_head.weight": head}, base / "model.safetensors")
    return base


def locked(*, tied: bool, commit: str = "") -> Model:
    shape = LOCK.model.architecture.model_copy(update={"tied": tied})
    weights = [file for file in LOCK.model.files if file.name == "model.safetensors"]
    changes = {"architecture": shape, "commit": commit, "files": weights}
    return LOCK.model.model_copy(update=changes)


def test_a_head_of_its_own_on_the_hub_is_refused_before_training(folder: Path) -> None:
    with pytest.raises(UsageProblem, match="a head that differs from the embedding") as problem:
        differing_facts(locked(tied=True, commit="0" * 40), folder, weights=True)
    assert "`tie_word_embeddings`" in problem.value.hint


def test_a_lock_says_whether_a_local_head_is_tied(folder: Path) -> None:
    for weights in (True, False):
        named = {one.field for one in differing_facts(locked(tied=False), folder, weights=weights)}
        assert "model.architecture.tied" not in named
    (differs,) = [
        one
        for one in differing_facts(locked(tied=True), folder, weights=True)
        if one.field == "model.architecture.tied"
    ]
    assert (differs.locked, differs.found) == (True, False)
