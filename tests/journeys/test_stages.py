"""Stages of one kind, several in one lock: each with a folder, a digest and results of its own."""

import tomllib
from pathlib import Path
from typing import Any

import pytest

from lockfiles import receipt
from lockfiles import text as toml
from planner.plan.integrity import integrity
from runner.runs.events import read
from tests.journeys.demo_folder import small, tunelock
from tests.journeys.test_export import killed_in

for package in ("trl", "gguf"):
    pytest.importorskip(package)
pytestmark = pytest.mark.slow


def _two(tables: dict[str, Any]) -> dict[str, Any]:
    """Return a lock's tables with a second GGUF stage."""
    at = next(at for at, one in enumerate(tables["stage"]) if one["id"] == "gguf")
    first = tables["stage"][at]
    first["settings"]["levels"] = ["q8_0"]
    other = {**first, "id": "small", "settings": {**first["settings"], "levels": ["f16"]}}
    tables["stage"].insert(at + 1, other)
    tables["stage"][-1]["inputs"].append("small")
    return tables | {"integrity": integrity(tables)}


def test_two_gguf_stages_are_run_and_only_what_changed_is_done_again(tmp_path: Path) -> None:
    folder = small(tmp_path / "demo", train__epochs=1)
    assert tunelock(folder, "plan").returncode == 0
    path = folder / "run.lock"
    path.write_text(toml.write(_two(tomllib.loads(path.read_text("utf-8")))), "utf-8")
    done = tunelock(folder, "run", "--foreground")
    assert done.returncode == 0, done.stderr[-2000:]

    (run,) = (folder / "runs").iterdir()
    made = [one.name for one in sorted((run / "stages").iterdir())]
    assert made == [
        f"{number:02d}-{name}"
        for number, name in enumerate(
            ("prepare", "train", "evaluate", "merge", "gguf", "small", "report"), start=1
        )
    ]
    assert set(receipt.read(run / "receipt.json").digests.gguf) == {"q8_0", "f16"}
    files = {level: list(run.glob(f"stages/*/*-{level}.gguf")) for level in ("q8_0", "f16")}
    assert [path.parent.name for (path,) in files.values()] == ["05-gguf", "06-small"]

    before = files["q8_0"][0].stat().st_mtime_ns
    tables = tomllib.loads(path.read_text("utf-8"))
    tables["stage"][5]["settings"]["samples"] = 1
    path.write_text(toml.write(tables | {"integrity": integrity(tables)}), "utf-8")
    again = tunelock(folder, "run", "--foreground")
    assert again.returncode == 0, again.stderr[-2000:]
    assert files["q8_0"][0].stat().st_mtime_ns == before
    assert len(list((folder / "runs").iterdir())) == 1


def test_a_run_with_two_gguf_stages_is_killed_between_them_and_gone_on_with(tmp_path: Path) -> None:
    folder = small(tmp_path / "demo", train__epochs=1, results__gguf=["f16", "q8_0"])
    planned = tunelock(folder, "plan")
    assert planned.returncode == 0, planned.stderr
    run = killed_in(folder, "gguf-2", seconds=600)
    before = (run / "stages/05-gguf/demo-f16.gguf").stat().st_mtime_ns
    assert not (run / "stages/06-gguf-2").exists()

    done = tunelock(folder, "run", "--foreground")
    assert done.returncode == 0, done.stderr[-2000:]
    assert (run / "stages/05-gguf/demo-f16.gguf").stat().st_mtime_ns == before
    made = receipt.read(run / "receipt.json")
    assert [(one.stage, one.what, one.path) for one in made.artifacts] == [
        ("train", "adapter", "stages/02-train/result"),
        ("merge", "merged model", "stages/04-merge/model"),
        ("gguf", "GGUF f16", "stages/05-gguf/demo-f16.gguf"),
        ("gguf-2", "GGUF q8_0", "stages/06-gguf-2/demo-q8_0.gguf"),
    ]
    ended = [e.stage for e in read(run / "events.jsonl")[0] if e.kind == "done"]
    assert ended == ["prepare", "train", "evaluate", "merge", "gguf", "gguf-2", "report", "run"]


def test_answers_that_are_asked_for_later_are_shown_without_training_again(tmp_path: Path) -> None:
    folder = small(tmp_path / "demo", results__evaluate=False, results__gguf=())
    planned = (folder / "run.toml").read_text("utf-8")
    assert tunelock(folder, "plan").returncode == 0
    done = tunelock(folder, "run", "--foreground")
    assert done.returncode == 0, done.stderr[-2000:]

    (folder / "run.toml").write_text(
        planned.replace("evaluate = false", "evaluate = true\nsamples = 2"), "utf-8"
    )
    assert tunelock(folder, "plan").returncode == 0
    again = tunelock(folder, "run", "--foreground")
    assert again.returncode == 0, again.stderr[-2000:]
    (run,) = (folder / "runs").iterdir()
    events = read(run / "events.jsonl")[0]
    started = [one.stage for one in events if one.kind == "started"]
    assert (started.count("prepare"), started.count("train")) == (2, 1)
    assert sum(one.kind == "sample" for one in events) == 2
