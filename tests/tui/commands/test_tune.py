"""`tunelock rehearse --tune` as a person types it: plans are timed, and the next plan follows."""

import json
from pathlib import Path

import pytest

from lockfiles import intent, lock
from lockfiles.errors import UsageProblem
from planner.interview.answers import given
from planner.plan.gather import gather
from planner.plan.plan import plan
from planner.search.rehearsal import load
from runner.rehearse.inputs import Inputs
from tests.journeys.demo_folder import small, tunelock
from tests.planned import MACHINE, answers, few_rows
from tui.commands.rehearse import _tuned

for package in ("trl", "peft"):
    pytest.importorskip(package)

EVERY, TIMES = 8, 19
"""One row in so many is longer by so many sentences: what is padded to it takes most time."""


def _lengthen(path: Path) -> None:
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    for row in rows[::EVERY]:
        row["messages"][1]["content"] += TIMES * " please tell me about it now"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")


@pytest.mark.slow
def test_a_smaller_micro_batch_is_chosen_where_it_was_faster(tmp_path: Path) -> None:
    folder = small(tmp_path / "demo")
    _lengthen(folder / "rows" / "train.jsonl")
    assert tunelock(folder, "plan").returncode == 0
    before = lock.read(folder / "run.lock").training()
    assert (before.train.micro_batch, before.train.accumulation) == (8, 2)

    done = tunelock(folder, "rehearse", "--tune")
    assert done.returncode == 0, done.stderr
    assert "timing 3 plans, in at most 60 s" in done.stderr
    found = load(folder / "rehearsal.json")
    tuned = found.tuned
    assert tuned and [one.profile.micro_batch for one in tuned.finalists] == [8, 4, 2]
    if any(one.untimed == "time" for one in tuned.finalists):
        pytest.skip("this machine is too busy to time all three in a minute")
    kept = found.case.profile.micro_batch
    assert kept < 8
    lines = done.stdout.splitlines()
    assert lines[0].split() == ["plan", "step"]
    assert [line.split()[1] for line in lines[1:4]] == ["8", "4", "2"]
    assert [line.endswith("kept") for line in lines[1:4]] == [kept == n for n in (8, 4, 2)]
    assert "The planned one is not the fastest" in done.stdout

    planned = tunelock(folder, "plan", "--facts", "rehearsal.json")
    assert planned.returncode == 0, planned.stderr
    after = lock.read(folder / "run.lock").training()
    assert (after.train.micro_batch, after.train.accumulation) == (kept, 16 // kept)
    assert "Timed on the same rows: a step took" in after.why["train.micro_batch"]
    assert after.prediction.estimator == "rehearsal"
    same = tunelock(folder, "plan", "--check", "--facts", "rehearsal.json")
    assert same.returncode == 0, same.stderr


def test_it_needs_the_answers_and_the_rows(tmp_path: Path) -> None:
    folder = few_rows(tmp_path)
    made = plan(answers(), gather(answers(), folder, machine=MACHINE))
    nothing = Inputs(config={}, rows=None, missing=("train", "test"))
    at = folder / "run.lock"
    (folder / "run.toml").unlink()
    with pytest.raises(UsageProblem, match=r"needs the answers that `.*run\.lock` was planned"):
        _tuned(made, at, nothing)
    (folder / "run.toml").write_text(intent.write(given(answers())), "utf-8")
    with pytest.raises(UsageProblem, match="some of its files are missing") as refused:
        _tuned(made, at, nothing)
    assert refused.value.hint == "add `--locate train=PATH --locate test=PATH`"
