"""An evaluation in two gloo processes under torchrun: as in one, and killed and stopped."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("trl")

import torch

from lockfiles import lock as locks
from planner.machines.probes import memory
from runner.evaluation.turns import Turns
from runner.runs.events import Event, read
from runner.runs.holders import is_held, workers
from runner.runs.pipe import Line
from runner.stages import evaluate
from runner.stages.context import Context
from runner.training.job import ONE
from tests.journeys.demo_folder import ENVIRONMENT, command, tunelock
from tests.runner.engines.test_ddp import finished, log, planned, run_of, trainers, until
from tests.runner.evaluation.test_turns import together
from tests.runner.nodes.test_two_machines import here, said

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing:FutureWarning"),
]
ROWS = 180
"""Held-out rows, in six batches."""


def sent(folder: Path, kind: str) -> list[Event]:
    """Return the events of the evaluation, of one kind."""
    runs = list((folder / "runs").glob("*"))
    found = read(runs[0] / "events.jsonl")[0] if runs else []
    return [one for one in found if one.stage == "evaluate" and one.kind == kind]


def begun(folder: Path, already: int = 0) -> "subprocess.Popen[bytes]":
    """Start the run of a folder; return it once the evaluation has done a turn."""
    process = subprocess.Popen(
        command("run", "run.lock", "--foreground"), cwd=folder, env=ENVIRONMENT,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    until(lambda: process.poll() is not None or turns(folder)[already:], 400)
    assert process.poll() is None, log(folder)
    return process


def turns(folder: Path) -> list[int]:
    """Return the rows done after each turn."""
    return [one.fields["done"] for one in sent(folder, "progress") if one.fields["unit"] == "rows"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose evaluation is killed, then stopped, then done."""
    return evaluating(tmp_path_factory.mktemp("two"))


def evaluating(folder: Path, **changes: Any) -> Path:
    """Plan a training of two processes and an evaluation on `ROWS` rows."""
    asked = {"train__epochs": 1, "results__evaluate": True, "results__samples": 3}
    made = planned(folder, 2, **asked | changes)
    test = made / "rows" / "test.jsonl"
    lines = test.read_text("utf-8").splitlines(True)
    test.write_text("".join((lines * ROWS)[:ROWS]), "utf-8")
    done = tunelock(made, "plan", "run.toml")
    assert done.returncode == 0, done.stderr
    return made


@pytest.fixture
def process(folder: Path) -> Iterator[list["subprocess.Popen[bytes]"]]:
    """The run of the folder, if it was started; nothing of it is left behind."""
    found: list[subprocess.Popen[bytes]] = []
    yield found
    for one in found:
        one.kill()
        one.wait()
    for worker in workers(run_of(folder)):
        os.kill(worker.number, signal.SIGKILL)


def of_stage(folder: Path, work: Path, line: Line) -> Context:
    """Return what the evaluation of a run is given."""
    run = run_of(folder)
    job = json.loads((run / "stages" / "03-evaluate" / "job.json").read_bytes())
    return Context(
        lock=locks.read(run / "run.lock"), stage="evaluate", run=run, work=work, line=line,
        places={name: Path(path) for name, path in job["places"].items()},
    )  # fmt: skip


def in_one_process(folder: Path, work: Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return the report of the same evaluation in this process, and what it sends."""
    threads, path = torch.get_num_threads(), work / "sent"
    with path.open("wb") as out:
        given = of_stage(folder, work, Line(out.fileno()))
        alone = given.lock.training().model_copy(update={"parallel": ONE})
        try:
            report = evaluate.run(replace(given, lock=alone))
        finally:
            torch.set_num_threads(threads)
    return report, [json.loads(line) for line in path.read_bytes().splitlines()]


@pytest.mark.parametrize("victim", [1, 0])
def test_a_killed_process_ends_the_evaluation_by_name(
    victim: int, folder: Path, process: list["subprocess.Popen[bytes]"]
) -> None:
    process.append(begun(folder, len(turns(folder))))
    both = trainers(folder)
    assert set(both) == {0, 1}
    os.kill(both[victim].number, signal.SIGKILL)
    at = time.monotonic()
    assert process[0].wait(15) == 1
    print(f"\nended {time.monotonic() - at:.1f} s after process {victim} was killed")
    run = run_of(folder)
    assert not is_held(run) and not workers(run) and not sent(folder, "failed")
    last = read(run / "events.jsonl")[0][-1]
    named = f"Process {victim} of `evaluate` was ended by SIGKILL"
    assert last.fields["message"].startswith(named)
    assert last.fields["hint"] == "run the same command again to repeat the stage `evaluate`"


def test_a_stop_ends_it_immediately(folder: Path, process: list["subprocess.Popen[bytes]"]) -> None:
    process.append(begun(folder, len(turns(folder))))
    process[0].send_signal(signal.SIGTERM)
    at = time.monotonic()
    assert process[0].wait(15) == 75
    print(f"\nstopped after {time.monotonic() - at:.1f} s")
    run = run_of(folder)
    assert not is_held(run) and not workers(run) and not sent(folder, "failed")


def test_two_processes_find_what_one_does(folder: Path, tmp_path: Path) -> None:
    before = {kind: len(sent(folder, kind)) for kind in ("progress", "evaluation", "sample")}
    finished(folder)
    run = run_of(folder)
    steps = [one for one in read(run / "events.jsonl")[0] if one.stage == "train"]
    assert [one.kind for one in steps].count("started") == 1, "training was not repeated"
    report, told = in_one_process(folder, tmp_path)
    written = (run / "stages" / "03-evaluate" / "report.json").read_bytes()
    assert written == json.dumps(report, indent=2).encode() + b"\n"
    for kind, count in (("evaluation", 2), ("sample", 3)):
        found = [{**one.fields, "kind": kind} for one in sent(folder, kind)[before[kind] :]]
        assert found == [one for one in told if one["kind"] == kind] and len(found) == count
    loading, *turns = [one.fields for one in sent(folder, "progress")[before["progress"] :]]
    assert loading["what"] == "loading a copy of the model in each of 2 processes"
    assert [one["done"] for one in turns] == [64, 128, 180] * 2
    assert [one["done"] for one in told if one["kind"] == "progress"] == (
        [32, 64, 96, 128, 160, 180] * 2
    )
    left = {path.name for path in (run / "stages" / "03-evaluate").iterdir()}
    assert left == {"begun.json", "done.json", "job.json", "report.json"}


def test_one_process_evaluates_where_copies_have_no_room(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other one takes part without a model. Both are threads of this process."""
    finished(folder)
    report, told = in_one_process(folder, tmp_path)
    monkeypatch.setattr(memory, "usable", lambda host: (1 << 20, 1 << 20))

    def evaluated(turns: Turns) -> tuple[Any, list[Any]]:
        own = tmp_path / str(turns.ranks.rank)
        own.mkdir()
        with (own / "sent").open("wb") as out:
            line = Line(out.fileno(), rank=turns.ranks.rank)
            given = replace(of_stage(folder, own, line), rank=turns.ranks.rank)
            found = evaluate._run(given, given.lock.training(), turns.ranks, own)
        return found, [json.loads(line) for line in (own / "sent").read_bytes().splitlines()]

    both = together(2, 1, evaluated)
    assert [found for found, _ in both] == [report] * 2
    (warning, *others), nothing = (sent for _, sent in both)
    assert warning["kind"] == "warning"
    assert warning["text"].endswith("of main memory: one process evaluates it")
    assert others == told and nothing == []


def test_two_machines_share_an_evaluation_and_stop_it_together(tmp_path: Path) -> None:
    folder = evaluating(tmp_path, machine__nodes=2)
    both = here(folder)
    try:
        until(lambda: turns(folder) or any(one.poll() is not None for one in both), 400)
        both[1].send_signal(signal.SIGTERM)
        assert [one.wait(60) for one in both] == [75, 75], said(folder, 0) + said(folder, 1)
        both = here(folder)
        assert [one.wait(400) for one in both] == [0, 0], said(folder, 0) + said(folder, 1)
    finally:
        for one in both:
            one.kill()
            one.wait()
    (tmp_path / "alone").mkdir()
    report, _ = in_one_process(folder, tmp_path / "alone")
    written = run_of(folder) / "stages" / "03-evaluate" / "report.json"
    assert json.loads(written.read_bytes()) == report
    assert "running its share of `evaluate`" in said(folder, 1)
