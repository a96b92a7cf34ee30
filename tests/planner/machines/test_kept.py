"""What was measured on this machine: kept in the cache, and read from nothing that is not ours."""

import json
from pathlib import Path

import pytest

from planner.machines import saved
from planner.machines.facts import TimedStep
from planner.machines.probes import kept
from tests.planned import MACHINE

STEP = TimedStep("0" * 64, 1.5, 900, "run", 0.25, 400, 0.125)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache; the path of the file in it."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "tunelock" / kept.FILE


def test_nothing_is_known_at_first() -> None:
    assert kept.with_kept(MACHINE) == MACHINE


def test_what_was_kept_is_known_and_the_newest_step_is_first(tmp_path: Path) -> None:
    other = TimedStep("1" * 64, 2.0, 10, "rehearsal")
    kept.keep_step(STEP)
    kept.keep_process(123)
    kept.keep_step(other)
    found = kept.with_kept(MACHINE)
    assert (found.process_bytes, found.timed) == (123, (other, STEP))
    found.save(tmp_path / "machine.json")
    assert saved.load(tmp_path / "machine.json") == found


def test_a_step_replaces_the_earlier_one_of_its_setup() -> None:
    kept.keep_step(STEP)
    again = TimedStep(STEP.setup_sha256, 3.0, 800, "rehearsal")
    kept.keep_step(again)
    assert kept.with_kept(MACHINE).timed == (again,)


def test_a_step_without_evaluations_and_checkpoints_is_read(cache: Path) -> None:
    kept.keep_process(123)
    step = {"setup_sha256": STEP.setup_sha256, "seconds": 1.5, "tokens": 900, "by": "run"}
    whole = json.loads(cache.read_text("utf-8")) | {"timed": [step]}
    cache.write_text(json.dumps(whole), "utf-8")
    assert kept.with_kept(MACHINE).timed == (TimedStep(STEP.setup_sha256, 1.5, 900, "run"),)


@pytest.mark.parametrize("part", [{"evaluation_seconds": 2.0}, {"evaluation_tokens": 7}])
def test_half_an_evaluation_is_none(cache: Path, part: dict[str, object]) -> None:
    kept.keep_process(123)
    step = {"setup_sha256": STEP.setup_sha256, "seconds": 1.5, "tokens": 900, "by": "run"}
    whole = json.loads(cache.read_text("utf-8")) | {"timed": [step | part]}
    cache.write_text(json.dumps(whole), "utf-8")
    assert kept.with_kept(MACHINE).timed == (TimedStep(STEP.setup_sha256, 1.5, 900, "run"),)


def test_only_the_newest_steps_are_kept() -> None:
    for number in range(saved.MOST_TIMED + 2):
        kept.keep_step(TimedStep(f"{number:064x}", 1.0, 1, "run"))
    found = kept.with_kept(MACHINE).timed
    assert len(found) == saved.MOST_TIMED
    assert int(found[0].setup_sha256, 16) == saved.MOST_TIMED + 1


def test_measurements_with_other_packages_are_not_used(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept.keep_process(123)
    with monkeypatch.context() as changed:
        changed.setattr(kept, "version", lambda name: "0")
        assert kept.with_kept(MACHINE).process_bytes == 0
        kept.keep_step(STEP)
    assert kept.with_kept(MACHINE) == MACHINE
    assert json.loads(cache.read_text("utf-8"))["process_bytes"] == 0


@pytest.mark.parametrize(
    "changes",
    [
        {"process_bytes": -1},
        {"process_bytes": 1 << 60},
        {"timed": [{"setup_sha256": "x", "seconds": 1.0, "tokens": 1, "by": "run"}]},
        {"timed": [{"setup_sha256": "0" * 64, "seconds": 0.0, "tokens": 1, "by": "run"}]},
        {"other": 1},
        {"version": 2},
    ],
)
def test_a_file_that_is_not_ours_is_as_none(cache: Path, changes: dict[str, object]) -> None:
    kept.keep_process(123)
    whole = json.loads(cache.read_text("utf-8"))
    cache.write_text(json.dumps(whole | changes), "utf-8")
    assert kept.with_kept(MACHINE) == MACHINE
    kept.keep_process(5)
    assert kept.with_kept(MACHINE).process_bytes == 5


@pytest.mark.parametrize("content", [b"", b"[]", b"\xff\xfe", b"{" * 100_000, b" " * (2 << 20)])
def test_a_broken_file_is_as_none(cache: Path, content: bytes) -> None:
    cache.parent.mkdir()
    cache.write_bytes(content)
    assert kept.with_kept(MACHINE) == MACHINE


def test_a_cache_that_cannot_be_written_is_no_error(cache: Path) -> None:
    cache.parent.write_text("a file in the folder's place", "utf-8")
    kept.keep_process(123)
    assert kept.with_kept(MACHINE) == MACHINE
