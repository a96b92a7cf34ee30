"""Rows from the Hub, the whole road: planned, checked, run, and refused where they differ."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from lockfiles import lock
from lockfiles.lock import TrainingLock
from tests import forked
from tests.hub_server import HubServer
from tests.journeys.demo_folder import small
from tests.planner.hub.datasets.hub_calls import card

for package in ("trl", "pyarrow"):
    pytest.importorskip(package)

CONFIGS = """
- config_name: intents
  data_files:
  - {split: train, path: intents/train-*.jsonl}
  - {split: test, path: intents/test.jsonl}
- {config_name: other, data_files: other.jsonl}
"""
RUN = ("run", "--foreground", "--runs", "runs")


@pytest.fixture
def hub() -> Iterator[HubServer]:
    with HubServer() as hub:
        yield hub


class Person:
    """Somebody with a folder, a cache and a Hub."""

    def __init__(self, hub: HubServer, home: Path) -> None:
        self.hub, self.home = hub, home
        self.folder = small(
            home / "run",
            data__train="hf:ana/rows:intents",
            data__test="hf:ana/rows:intents:test",
            data__general="hf:ana/rows:other",
            train__epochs=1,
            results__gguf=[],
        )
        rows = {n: (self.folder / "rows" / f"{n}.jsonl").read_bytes() for n in ("train", "test")}
        lines = rows["train"].splitlines(True)
        self.commit = hub.add("datasets/ana/rows", {
            "README.md": card(CONFIGS),
            "intents/train-0.jsonl": b"".join(lines[:100]),
            "intents/train-1.jsonl": b"".join(lines[100:]),
            "intents/test.jsonl": rows["test"],
            "other.jsonl": b"".join(lines[:40]),
        })  # fmt: skip
        (self.folder / "rows" / "other.jsonl").write_bytes(b"".join(lines[:40]))

    def tunelock(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        cache = {"XDG_CACHE_HOME": str(self.home / "cache")} | variables
        environment = self.hub.environment(self.home / "hub", **cache)
        return forked.run(*arguments, folder=self.folder, environment=environment)

    def planned(self) -> TrainingLock:
        done = self.tunelock("plan")
        assert done.returncode == 0, done.stderr
        return lock.read(self.folder / "run.lock").training()

    def forget(self) -> None:
        """Take away everything that was ever fetched."""
        for name in ("hub", "cache"):
            shutil.rmtree(self.home / name, ignore_errors=True)


def test_the_lock_pins_the_split_and_nothing_of_this_machine(
    hub: HubServer, tmp_path: Path
) -> None:
    ana = Person(hub, tmp_path)
    locked = ana.planned()
    assert {part.split: part.source for part in locked.data} == dict.fromkeys(
        ("train", "validation", "test", "general"), "hf:ana/rows"
    )
    for part in locked.data:
        assert (part.commit, part.revision) == (ana.commit, "main")
        assert part.config == ("other" if part.split == "general" else "intents")
        assert part.hub_split == ("test" if part.split == "test" else "train")
    names = [file.name for file in locked.data[0].files]
    assert names == ["intents/train-0.jsonl", "intents/train-1.jsonl"]
    text = (ana.folder / "run.lock").read_text("utf-8")
    assert str(tmp_path) not in text and hub.token not in text and hub.url not in text
    assert ana.tunelock("plan", "--check").returncode == 0
    changes = {"train__epochs": 1, "results__gguf": [], "data__general": "rows/other.jsonl"}
    same = small(tmp_path / "local", **changes)
    shutil.copy(ana.folder / "rows" / "other.jsonl", same / "rows")
    local = forked.run("plan", folder=same, environment=os.environ)
    assert local.returncode == 0, local.stderr
    here = lock.read(same / "run.lock").training()
    assert [part.sha256 for part in here.data] == [part.sha256 for part in locked.data]
    assert here.stream == locked.stream
    diff = ana.tunelock("diff", "run.lock", str(same / "run.lock"))
    assert "data.0.commit" in diff.stdout and "data.0.sha256" not in diff.stdout


def test_a_lock_is_checked_against_what_was_fetched(hub: HubServer, tmp_path: Path) -> None:
    ana = Person(hub, tmp_path)
    ana.planned()
    asked = len(hub.requests)
    done = ana.tunelock("check", HF_HUB_OFFLINE="1")
    assert done.returncode == 0, done.stderr
    assert len(hub.requests) == asked
    blobs = list((tmp_path / "hub").rglob("intents/train-1.jsonl"))
    blobs[0].resolve().write_bytes(blobs[0].read_bytes()[::-1])
    changed = ana.tunelock("check")
    assert changed.returncode == 5
    assert "`intents/train-1.jsonl` of `ana/rows` does not match the pinned file" in changed.stderr
    ana.forget()
    offline = ana.tunelock("check", HF_HUB_OFFLINE="1")
    assert offline.returncode == 2 and "`HF_HUB_OFFLINE` is set" in offline.stderr
    newer = dict(hub.repositories["datasets/ana/rows"].commits[ana.commit])
    newer["intents/train-1.jsonl"] += newer["other.jsonl"]
    hub.add("datasets/ana/rows", newer)
    fetched = ana.tunelock("check")
    assert fetched.returncode == 0, fetched.stderr
    assert "downloading train rows: 0 B of " in fetched.stderr
    stale = ana.tunelock("plan", "--check")
    assert stale.returncode == 3, "the dataset moved on"


def test_a_copy_stands_for_the_dataset_where_its_rows_are_the_same(
    hub: HubServer, tmp_path: Path
) -> None:
    ana = Person(hub, tmp_path)
    ana.planned()
    ana.forget()
    asked = len(hub.requests)
    copies = [f"--locate={name}=rows/{name}.jsonl" for name in ("train", "test")]
    copies.append("--locate=general=rows/other.jsonl")
    same = ana.tunelock("check", *copies)
    assert same.returncode == 0, same.stderr
    other = ana.tunelock("check", *copies, "--locate", "test=rows/train.jsonl")
    assert other.returncode == 5 and "does not match the data" in other.stderr
    assert len(hub.requests) == asked
    unknown = ana.tunelock("check", "--locate", "validation=rows/train.jsonl")
    assert "its inputs are `model`, `train`, `test`, `general`" in unknown.stderr


def test_an_edited_pin_is_refused(hub: HubServer, tmp_path: Path) -> None:
    ana = Person(hub, tmp_path)
    ana.planned()
    path = ana.folder / "run.lock"
    text = path.read_text("utf-8")
    for before, after in (
        (f'commit = "{ana.commit}"', f'commit = "{"0" * 40}"'),
        ('config = "intents"', 'config = "other"'),
        ('hub_split = "train"', 'hub_split = "test"'),
        ('revision = "main"', 'revision = "v1"'),
        ('name = "intents/train-0.jsonl"', 'name = "intents/train-9.jsonl"'),
    ):
        assert before in text
        path.write_text(text.replace(before, after), "utf-8")
        done = ana.tunelock("check")
        assert done.returncode == 5 and "was edited after it was planned" in done.stderr, after
    path.write_text(text.replace("intents/train-0.jsonl", "../train-0.jsonl"), "utf-8")
    assert ana.tunelock("check").returncode == 2


@pytest.mark.slow
def test_a_run_fetches_what_was_locked(hub: HubServer, tmp_path: Path) -> None:
    ana = Person(hub, tmp_path)
    ana.planned()
    ana.forget()
    hub.add("datasets/ana/rows", {"train.jsonl": b'{"text": "newer"}\n'})
    hub.sent_bytes.clear()
    done = ana.tunelock(*RUN)
    assert done.returncode == 0, done.stderr[-3000:]
    sent = {name for name, size in hub.sent_bytes.items() if name.endswith(".jsonl") and size}
    assert sent == {"train-0.jsonl", "train-1.jsonl", "test.jsonl", "other.jsonl"}
    (run,) = (ana.folder / "runs").iterdir()
    assert str(tmp_path) not in (run / "run.lock").read_text("utf-8")
    assert hub.token not in "".join(
        path.read_text("utf-8", errors="replace") for path in run.rglob("*") if path.is_file()
    )
    asked = len(hub.requests)
    again = ana.tunelock(*RUN)
    assert again.returncode == 0 and len(hub.requests) == asked
