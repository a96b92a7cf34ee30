"""What makes a stage's result another one, and what does not."""

from pathlib import Path
from typing import Any

import pytest

from lockfiles import lock as locks
from lockfiles.lock import TrainingLock
from lockfiles.stage_kinds.registry import KINDS
from planner.interview.answers import check
from planner.machines.facts import MachineFacts
from planner.pipeline.kind import of_kind
from planner.plan.gather import gather
from planner.plan.integrity import NEUTRAL, integrity
from planner.plan.plan import plan
from runner.demo import files
from tests.planned import GIB, MACHINE, few_rows

OLD = Path(__file__).parents[2] / "lockfiles" / "old"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo's files, with fewer rows."""
    made = tmp_path_factory.mktemp("integrity")
    for path in [*(few_rows(made) / "rows").iterdir()]:
        changed = path.read_text("utf-8").replace("luggage", "baggage")
        path.with_stem(f"{path.stem}-changed").write_text(changed, "utf-8")
    return made


@pytest.fixture(scope="module")
def before(folder: Path) -> TrainingLock:
    return planned(folder)


def planned(folder: Path, *, machine: MachineFacts = MACHINE, **changes: object) -> TrainingLock:
    """Return the lock of the demo's answers with some changed: `train__epochs=2`."""
    named = {key.replace("__", "."): value for key, value in changes.items()}
    answers = check(files.ANSWERS | {"train.epochs": 2} | named, {})
    return plan(answers, gather(answers, folder, machine=machine))


def changed(before: TrainingLock, after: TrainingLock) -> set[str]:
    """Return the stages of `after` that are to be done (again)."""
    return {name for name, one in after.integrity.items() if before.integrity.get(name) != one}


def test_every_table_of_the_lock_has_its_place() -> None:
    counted = {table for kind in KINDS for table in of_kind(kind).tables}
    assert counted | NEUTRAL == set(TrainingLock.model_fields)
    assert not counted & NEUTRAL


@pytest.mark.parametrize(
    ("changes", "stages"),
    [
        ({"results__gguf": ["q8_0", "q4_k_m"]}, {"gguf-2", "report"}),
        ({"results__gguf": ["f16", "q8_0"]}, {"gguf", "gguf-2", "report"}),
        ({"results__samples": 5}, {"evaluate", "gguf", "report"}),
        ({"results__push_to": "someone/tuned"}, {"push", "report"}),
        (
            {"data__test": "rows/test-changed.jsonl", "results__evaluate": False},
            {"prepare", "gguf", "report"},
        ),
        ({"data__test": "rows/test-changed.jsonl"}, {"prepare", "evaluate", "gguf", "report"}),
        ({"data__test": ""}, {"prepare", "evaluate", "gguf", "report"}),
        ({"goal__domain_terms": True}, {"report"}),
    ],
)
def test_what_comes_after_training_never_trains_again(
    folder: Path, before: TrainingLock, changes: dict[str, Any], stages: set[str]
) -> None:
    assert changed(before, planned(folder, **changes)) == stages


def test_a_corrected_hub_name_only_pushes_again(folder: Path) -> None:
    wrong = planned(folder, results__push_to="someone/tund")
    assert changed(wrong, planned(folder, results__push_to="someone/tuned")) == {"push", "report"}


@pytest.mark.parametrize(
    "changes",
    [
        {"train__learning_rate": 1e-3},
        {"train__seed": 18},
        {"train__epochs": 3},
        {"method__rank": 8},
        {"data__train": "rows/train-changed.jsonl"},
        {"data__system": "Answer."},
        {"data__validation": "rows/test.jsonl"},
        {"train__exact": False},
    ],
)
def test_what_changes_weights_trains_again(
    folder: Path, before: TrainingLock, changes: dict[str, Any]
) -> None:
    stages = changed(before, planned(folder, **changes))
    assert {"train", "evaluate", "merge", "gguf", "report"} <= stages


def test_more_memory_alone_trains_nothing_again(folder: Path, before: TrainingLock) -> None:
    larger = MachineFacts("cpu", (), 2, 32 * GIB, 30 * GIB, 100 * GIB, "")
    assert changed(before, planned(folder, machine=larger)) <= {"report"}


def test_the_digests_follow_from_the_lock_alone(before: TrainingLock) -> None:
    assert integrity(before.model_dump()) == before.integrity


@pytest.mark.parametrize("revision", range(3))
def test_the_stages_of_a_lock_of_an_earlier_revision_keep_their_digests(revision: int) -> None:
    found = locks.read(OLD / f"last-of-revision-{revision}.lock")
    assert integrity(found.model_dump()) == found.integrity


def test_the_settings_of_an_objective_train_again(before: TrainingLock) -> None:
    tables = before.model_dump()
    other = tables | {"objective": {"name": "sft", "beta": 0.1}}
    more = tables | {"objective": {"name": "sft", "beta": 0.2}}
    assert len({integrity(each)["train"] for each in (tables, other, more)}) == 3
    assert integrity(more)["prepare"] == before.integrity["prepare"]
