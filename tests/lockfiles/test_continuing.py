"""Which locks can continue the training of another one."""

from typing import Any

import pytest

from lockfiles.continuing import EFFECTIVE_BATCH, LAYOUT, obstacle
from lockfiles.lock import TrainingLock, field_names
from tests.lockfiles.samples import LOCK, SHA


def with_values(**values: Any) -> TrainingLock:
    """Return the sample with other values; `__` stands for the dot."""
    tables: dict[str, Any] = LOCK.model_dump()
    for name, value in values.items():
        table, _, key = name.partition("__")
        tables[table][key] = value
    return TrainingLock.model_validate(tables)


ROWS = LOCK.train.micro_batch * LOCK.train.accumulation
"""Of a step, in one process."""


def test_layout_and_machine_may_differ() -> None:
    assert obstacle(LOCK, LOCK) is None
    spread = with_values(
        parallel__engine="zero2", parallel__processes=2, train__micro_batch=ROWS // 2,
        train__accumulation=1, intent__digest=SHA[::-1], packages__deepspeed="0.19.8",
    )  # fmt: skip
    assert obstacle(LOCK, spread) is None
    assert obstacle(spread, LOCK) is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("train__learning_rate", 1e-5),
        ("train__seed", LOCK.train.seed + 1),
        ("train__keep", "last" if LOCK.train.keep == "best" else "best"),
        ("method__rank", LOCK.method.rank + 1),
        ("template__sha256", SHA[::-1]),
        ("model__context_tokens", 2 * LOCK.model.context_tokens),
    ],
)
def test_what_changes_the_steps_is_named(name: str, value: object) -> None:
    found = obstacle(LOCK, with_values(**{name: value}))
    assert found and found.field == name.replace("__", ".")
    assert found.found == value


def test_steps_of_more_rows_are_named_as_a_person_sets_them() -> None:
    found = obstacle(LOCK, with_values(train__accumulation=2 * LOCK.train.accumulation))
    assert found and found.field == EFFECTIVE_BATCH
    assert (found.locked, found.found) == (ROWS, 2 * ROWS)


def test_exact_bits_are_of_one_run() -> None:
    exact = LOCK.model_copy(update={"exactness": LOCK.exactness.model_copy(update={"exact": True})})
    found = obstacle(exact, exact)
    assert found and found.field == "exactness.exact"
    assert obstacle(exact, LOCK) is None


def test_every_key_of_the_layout_is_one_of_a_lock() -> None:
    names = field_names()
    for one in LAYOUT:
        assert any(name == one or name.startswith(f"{one}.") for name in names), one
