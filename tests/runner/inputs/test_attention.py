"""Attention by the bounds of rows is refused where it would not compute the locked model."""

import json
from pathlib import Path

import pytest

from lockfiles.errors import UsageProblem
from lockfiles.lock import TrainingLock
from planner.plan.gather import gather
from planner.plan.plan import plan
from runner.demo import files
from runner.inputs import verify
from runner.inputs.attention import check_attention, check_dropout, check_recordable
from tests.planned import resealed
from tests.planner.plan.test_plan import answers
from tests.planner.search.test_rehearsal import GPU_MACHINE, ON_CARD


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("demo")
    files.write(made)
    return made


@pytest.fixture(scope="module")
def lock(folder: Path) -> TrainingLock:
    asked = answers(**ON_CARD)
    return plan(asked, gather(asked, folder, machine=GPU_MACHINE))


def test_a_family_whose_layers_compute_more(lock: TrainingLock) -> None:
    verify.check_whole(lock)
    model = lock.model.model_copy(update={"family": "gemma2"})
    with pytest.raises(UsageProblem, match="layers of this `gemma2` model"):
        verify.check_whole(resealed(lock, {"model": model}))
    masked = lock.train.model_copy(update={"attention": "eager"})
    check_attention(lock.model_copy(update={"model": model, "train": masked}))


def test_dropout_in_a_configuration(lock: TrainingLock, folder: Path, tmp_path: Path) -> None:
    config = json.loads((folder / "base" / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config | {"attention_dropout": 0.1}))
    check_dropout(lock, folder / "base")
    with pytest.raises(UsageProblem, match="has no dropout"):
        check_dropout(lock, tmp_path)


def test_positions_that_are_scaled_in_each_pass(
    lock: TrainingLock, folder: Path, tmp_path: Path
) -> None:
    config = json.loads((folder / "base" / "config.json").read_text())
    dynamic = {"rope_scaling": {"type": "dynamic", "factor": 2.0}}
    (tmp_path / "config.json").write_text(json.dumps(config | dynamic))
    recorded, plain = (
        lock.model_copy(update={"train": lock.train.model_copy(update={"graph_sizes": sizes})})
        for sizes in ([64], [])
    )
    check_recordable(plain, tmp_path)
    check_recordable(recorded, folder / "base")
    with pytest.raises(UsageProblem, match="CUDA graphs cannot record"):
        check_recordable(recorded, tmp_path)
