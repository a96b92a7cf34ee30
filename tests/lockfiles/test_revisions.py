"""Locks of earlier revisions in the form of the newest."""

from pathlib import Path
from typing import Any

import pytest

from lockfiles import lock as locks
from lockfiles import text as toml
from lockfiles.errors import UsageProblem
from lockfiles.revisions import migrated

OLD = Path(__file__).parent / "old"


def _tables(name: str) -> dict[str, Any]:
    source = (OLD / f"{name}.lock").read_text("utf-8")
    return toml.parse(source, name=name, limit_bytes=locks.LIMIT_BYTES)


def test_the_license_was_spelled_otherwise_up_to_revision_2() -> None:
    assert locks.read(OLD / "last-of-revision-2.lock").model.license == "apache-2.0"


def test_a_lock_of_the_newest_revision_is_left_as_it_is() -> None:
    tables = migrated(_tables("last-of-revision-2")) | {"revision": locks.REVISION}
    assert migrated(tables) == tables


def test_the_old_spelling_is_refused_in_a_lock_of_the_newest_revision() -> None:
    source = (OLD / "last-of-revision-2.lock").read_text("utf-8")
    with pytest.raises(UsageProblem, match=r"`model\.licence` on line 89"):
        locks.parse(source.replace("revision = 2\n", f"revision = {locks.REVISION}\n"))


@pytest.mark.parametrize(
    "spoiled",
    [
        {"model": 3},
        {"model": {"licence": "", "license": ""}},
        {"method": 3},
        {"method": {"kind": "lora"}},
        {"method": {"objective": "sft"}, "objective": {"name": "sft"}},
    ],
)
def test_what_is_not_in_the_form_of_its_revision_is_left_as_it_is(spoiled: dict[str, Any]) -> None:
    tables = _tables("last-of-revision-2") | spoiled
    found = migrated(tables)
    assert {name: found.get(name) for name in spoiled} == spoiled


@pytest.mark.parametrize("name", ["first", *(f"last-of-revision-{number}" for number in range(3))])
def test_the_objective_was_a_key_of_the_method_up_to_revision_2(name: str) -> None:
    tables = _tables(name)
    assert tables["method"]["objective"] == "sft"
    assert "objective" not in migrated(tables)["method"]
    assert locks.read(OLD / f"{name}.lock").training().objective.name == "sft"
