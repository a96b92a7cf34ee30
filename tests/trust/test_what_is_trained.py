"""What is trained is what is read: for accepted changes of a lock, and key by key."""

from pathlib import Path
from typing import Any

import pytest

for package in ("trl", "peft", "bitsandbytes"):
    pytest.importorskip(package)

from lockfiles import lock as locks
from tests.fuzz import bases
from tests.fuzz.report import table
from tests.trust import reached, stages
from tests.trust.what_is_trained import said_otherwise, tried

SHORT = 16
LONG = 600


@pytest.fixture
def demo(tmp_path: Path) -> bases.Base:
    """The demo's lock as it was planned, in a folder of its own."""
    found = bases.made(tmp_path / "demo")[0]
    folder = tmp_path / "case"
    folder.mkdir()
    (folder / "locations.toml").write_text(found.locations, "utf-8")
    (folder / "case.lock").write_text(found.text, "utf-8")
    return found


def test_every_key_ends_somewhere(demo: bases.Base) -> None:
    assert not reached.forgotten(locks.parse(demo.text))


@pytest.mark.parametrize("key", ["weight_decay", "lr_scheduler_type", "eval_steps", "seed"])
def test_a_setting_that_does_not_reach_the_trainer_is_noticed(
    key: str, demo: bases.Base, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from runner.stages import sft

    whole, kept = sft.arguments, sft.train

    def lacking(job: sft.SftJob) -> dict[str, Any]:
        return {name: value for name, value in whole(job).items() if name != key}

    monkeypatch.setattr(sft, "arguments", lacking)
    monkeypatch.setattr(sft, "train", kept)  # `carried` puts its own in its place
    assert stages.carried(locks.parse(demo.text), demo, tmp_path / "case")


def test_a_sentence_that_says_otherwise_is_noticed(demo: bases.Base) -> None:
    lock = locks.parse(demo.text)
    assert not list(said_otherwise(lock, "method    lora of rank 16: Rank 16 is usual."))
    assert len(list(said_otherwise(lock, "method    lora of rank 8: Rank 8 is usual."))) == 2
    assert list(said_otherwise(lock, "batch     4 x 4: fits"))


def test_accepted_changes_are_trained_as_they_are_read(tmp_path: Path) -> None:
    _agrees(tmp_path, SHORT)


@pytest.mark.slow
def test_many_accepted_changes_are_trained_as_they_are_read(tmp_path: Path) -> None:
    _agrees(tmp_path, LONG)


def _agrees(folder: Path, count: int) -> None:
    found = tried(folder, count)
    assert found.accepted >= 3, "the locks as they were planned"
    wrong = found.number("not shown") + found.number("traceback")
    assert not wrong, "\n" + "\n".join(table([found]))
