"""Locks that train nothing: which tables and stages stand together."""

from collections.abc import Callable
from typing import Any

import pytest

from lockfiles import lock as locks
from lockfiles import text as toml
from lockfiles.compare import differences
from lockfiles.errors import EditedLock, UsageProblem
from lockfiles.lock import ExportLock, Lock, TrainingLock
from lockfiles.stage_kinds.registry import KINDS
from lockfiles.tables import TrainingTables
from tests.lockfiles.samples import EXPORT, LOCK, stage

Tables = dict[str, Any]
OF_TRAINING = sorted(TrainingTables.model_fields.keys() - ExportLock.model_fields.keys())


def parsed(change: Callable[[Tables], object]) -> Lock:
    """Return the lock that trains nothing after a change of its tables."""
    tables = EXPORT.model_dump()
    change(tables)
    return locks.parse(toml.write(tables))


def test_it_is_written_and_read_back_without_the_tables_of_training() -> None:
    text = locks.write(EXPORT)
    read = locks.parse(text)
    assert (type(read), read, locks.write(read)) == (ExportLock, EXPORT, text)
    assert not [name for name in OF_TRAINING if f"[{name}]" in text or f"\n{name} =" in text]
    assert (read.splits, read.made_from) == ([], EXPORT.integrity["prepare"])


def test_a_lock_is_of_one_of_two_kinds() -> None:
    assert type(Lock.model_validate(EXPORT.model_dump())) is ExportLock
    trains = Lock.model_validate(LOCK.model_dump())
    assert type(trains) is TrainingLock and trains.training() is trains
    with pytest.raises(UsageProblem, match="trains nothing") as refused:
        locks.parse(locks.write(EXPORT)).training()
    assert refused.value.exit_code == 2 and "data" in refused.value.hint


@pytest.mark.parametrize("name", OF_TRAINING)
def test_a_table_of_training_needs_the_others(name: str) -> None:
    with pytest.raises(UsageProblem, match="is missing") as refused:
        parsed(lambda tables: tables.update({name: LOCK.model_dump()[name]}))
    assert refused.value.message.startswith(f"`{name}`")
    assert "belongs to a lock that trains, but this one trains nothing" in refused.value.message


def _to_base(tables: Tables) -> None:
    tables["stage"][1]["inputs"] = []


def _with(name: str, *inputs: str, **settings: object) -> Callable[[Tables], object]:
    def change(tables: Tables) -> None:
        at = [one["kind"] for one in tables["stage"]]
        place = next(n for n, kind in enumerate(at) if list(KINDS).index(kind) > order)
        tables["stage"].insert(place, stage(name, *inputs, **settings))
        tables["stage"][-1]["inputs"] = [one["id"] for one in tables["stage"][:-1]]
        tables["integrity"][name] = tables["integrity"]["prepare"]

    order = list(KINDS).index(name)
    return change


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (_with("train"), "is a `train`, but the lock trains nothing"),
        (_with("evaluate", "prepare", rows="test", samples=0), "is a `evaluate`, but the lock"),
        (_with("merge"), "is a `merge`, but the lock trains nothing"),
        (_with("push", to="ana/x", private=True), "has no `gguf`"),
        (_to_base, "has no `prepare`"),
        (lambda t: t["stage"][1]["settings"].update(rows="test"), "held-out rows"),
        (lambda t: t["stage"][1]["settings"].update(samples=1), "held-out rows"),
        (lambda t: t["stage"].pop(0), "names `prepare`|has no `prepare`"),
        (lambda t: t["prediction"].update(peak_bytes=1), "is an unknown key"),
        (lambda t: t["prediction"].clear(), "is missing"),
        (lambda t: t.update(surprise=1), "is an unknown key"),
        (
            lambda t: t["why"].update({"method.rank": "Rank 3"}),
            "a reason for a value that locks do not have",
        ),
    ],
)
def test_what_does_not_agree_is_one_sentence(
    change: Callable[[Tables], object], words: str
) -> None:
    with pytest.raises(UsageProblem, match=words) as refused:
        parsed(change)
    assert refused.value.exit_code == (5 if isinstance(refused.value, EditedLock) else 2)


def test_a_push_of_the_exports_is_one() -> None:
    made = parsed(_with("push", "gguf", to="ana/x", private=True))
    assert [one.id for one in made.stage] == ["prepare", "gguf", "push", "report"]


def test_where_something_is_trained_a_gguf_is_made_from_that() -> None:
    tables = LOCK.model_dump()
    tables["stage"][3]["inputs"] = ["prepare"]
    with pytest.raises(UsageProblem, match="has no `merge` or `train`"):
        locks.parse(toml.write(tables))


def test_against_a_lock_that_trains_every_table_differs() -> None:
    found = {one.field.partition(".")[0] for one in differences(EXPORT, LOCK)}
    assert found >= {*OF_TRAINING, "prediction", "stage", "why"} - {"fix"}
