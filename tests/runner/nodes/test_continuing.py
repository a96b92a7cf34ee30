"""A training that moves from one machine to two: seen by both, copied once, then its own run."""

import json
import os
import re
import shutil
import signal
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from runner.runs.holders import workers
from tests.journeys.demo_folder import command
from tests.runner.engines.test_continuing import alone as alone
from tests.runner.engines.test_continuing import contents, stopped
from tests.runner.engines.test_ddp import STEPS, apart, events, planned, run_of
from tests.runner.nodes.hosts import ADDRESSES, Hosts, Started, hosts, running
from tests.runner.nodes.test_two_machines import past_checkpoint, said

pytestmark = pytest.mark.slow
_HIDDEN = 'mount -t tmpfs none "$0" && exec "$@"'
"""Runs a command on a machine on which a folder is empty."""


def started(own: Hosts, folder: Path, options: Sequence[str], hidden: Path | None) -> list[Started]:
    """Start the run of a folder on two hosts; the second one does not see what is in `hidden`."""
    found = []
    for number in (0, 1):
        words = command("run", "run.lock", "--node", str(number),
                        "--rendezvous", f"{ADDRESSES[0]}:29400", *options)  # fmt: skip
        if number and hidden:
            words = ["sh", "-c", _HIDDEN, str(hidden), *words]
        found.append(own.start(number, words, folder, folder / f"machine{number}.txt"))
    return found


def ends(both: list[Started], seconds: float) -> list[int]:
    return [one.wait(seconds) for one in both]


def test_a_training_moves_to_two_machines(alone: Path, tmp_path: Path) -> None:
    former = stopped(planned(tmp_path / "before", 1))
    before, made = contents(former), len(events(tmp_path / "before", "step"))
    folder = planned(tmp_path / "now", 2, machine__nodes=2)
    options = ["--continue-from", str(former)]
    with hosts() as own:
        _not_seen(own, folder, options, former)
        _runs_not_seen(own, folder, options)
        assert contents(former) == before

        both = started(own, folder, options, None)
        past_checkpoint(folder, both)
        assert "checking the copied checkpoint" in said(folder, 1)
        os.kill(running(folder, 1), signal.SIGTERM)
        assert ends(both, 120) == [75, 75], said(folder, 0) + said(folder, 1)
        assert contents(former) == before, "the former run is only read"
        shutil.rmtree(former)

        both = started(own, folder, options, None)
        assert ends(both, 200) == [0, 0], said(folder, 0) + said(folder, 1)
    assert "checking" not in said(folder, 1)
    run = run_of(folder)
    receipt = json.loads((run / "receipt.json").read_bytes())["continued"]
    assert (receipt["run"], receipt["step"]) == (former.name, made) and receipt["sha256"]
    whole = {one.fields["step"]: one.fields["loss"] for one in events(alone, "step")}
    found = [(one.fields["step"], one.fields["loss"]) for one in events(folder, "step")]
    assert [step for step, _ in found] == list(range(made + 1, STEPS + 1))
    for step, loss in found:
        assert loss == pytest.approx(whole[step], rel=1e-4)
    assert apart(alone, folder) < 1e-3
    assert not workers(run)


def _not_seen(own: Hosts, folder: Path, options: Sequence[str], former: Path) -> None:
    """Machine 1 does not see the run to continue: both end at once, and nothing is copied."""
    both, begun = started(own, folder, options, former), time.monotonic()
    assert ends(both, 120) == [1, 1]
    assert time.monotonic() - begun < 60
    name = own.names[1]
    reason = f"Machine 1 (`{name}`): The run to continue is not in `{former}` on `{name}`."
    assert f"error: {reason}" in said(folder, 0)
    assert f"error: {reason.partition(': ')[2]}" in said(folder, 1)
    assert "hint: name the run in a folder that all machines share" in said(folder, 0)
    assert not (folder / "runs").exists()


def _runs_not_seen(own: Hosts, folder: Path, options: Sequence[str]) -> None:
    """Machine 1 does not see the folder of runs, in which the copy would be."""
    (folder / "runs").mkdir()
    both = started(own, folder, options, folder / "runs")
    assert ends(both, 150) == [2, 2]
    name = own.names[1]
    reason = rf"The run folder `{folder}/runs/\S+` is not to be found on `{name}`\."
    assert re.search(rf"error: Machine 1 \(`{name}`\): {reason}", said(folder, 0))
    assert re.search(f"error: {reason}", said(folder, 1))
    assert not list((folder / "runs").iterdir())


def test_a_machine_that_alone_is_asked_to_continue_ends_the_run(tmp_path: Path) -> None:
    former = stopped(planned(tmp_path / "before", 1))
    folder = planned(tmp_path / "now", 2, machine__nodes=2)
    with hosts() as own:
        both = []
        for number, options in ((0, []), (1, ["--continue-from", str(former)])):
            words = command("run", "run.lock", "--node", str(number),
                            "--rendezvous", f"{ADDRESSES[0]}:29400", *options)  # fmt: skip
            both.append(own.start(number, words, folder, folder / f"machine{number}.txt"))
        assert ends(both, 120) == [2, 2]
    reason = f"Machine 0 does not continue `{former}`, as this machine was asked to."
    assert reason in said(folder, 0) and reason in said(folder, 1)
    assert not events(folder, "step")
