"""What a manifest or a task starts on two machines: ended as by an eviction, and started again."""

import os
import re
import shutil
import signal
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from runner.launchers.job import PORT, WORK
from runner.runs.events import Event, read
from tests.runner.engines.test_continuing import stopped
from tests.runner.engines.test_ddp import STEPS, planned, until
from tests.runner.engines.test_ddp import events as events_of
from tests.runner.nodes.hosts import ADDRESSES, Hosts, Started, hosts, running
from tests.runner.nodes.test_two_machines import said
from tests.tui.test_cli import tunelock

pytestmark = pytest.mark.slow


def of_jobset(content: Any) -> str:
    (jobs,) = content["spec"]["replicatedJobs"]
    (container,) = jobs["template"]["spec"]["template"]["spec"]["containers"]
    name = content["metadata"]["name"]
    return str(container["command"][2]).replace(f"{name}-node-0-0.{name}", ADDRESSES[0])


def of_pytorchjob(content: Any) -> str:
    worker = content["spec"]["pytorchReplicaSpecs"]["Worker"]
    (container,) = worker["template"]["spec"]["containers"]
    return str(container["command"][2])


CLUSTERS: Mapping[str, tuple[Callable[[Any], str], Callable[[int], dict[str, str]]]] = {
    "--kubernetes": (of_jobset, lambda number: {"JOB_COMPLETION_INDEX": str(number)}),
    "--pytorchjob": (of_pytorchjob, lambda number: {
        "RANK": str(number), "WORLD_SIZE": "2", "MASTER_ADDR": ADDRESSES[0],
        "MASTER_PORT": str(PORT),
    }),
    "--skypilot": (lambda content: str(content["run"]), lambda number: {
        "SKYPILOT_NODE_RANK": str(number), "SKYPILOT_NODE_IPS": "\n".join(ADDRESSES),
    }),
}  # fmt: skip
"""By option, how to find the command of a machine, and the variables that the cluster sets."""


@pytest.mark.parametrize("cluster", CLUSTERS)
def test_a_job_that_starts_again_resumes_its_own_run(cluster: str, tmp_path: Path) -> None:
    former = stopped(planned(tmp_path / "before", 1))
    made = len(events_of(tmp_path / "before", "step"))
    folder = planned(tmp_path / "run", 2, machine__nodes=2)
    done = tunelock("launch", "run.lock", cluster, "--continue-from", str(former), folder=folder)
    assert done.returncode == 0, done.stderr
    volume = tmp_path / "volume"
    _copied(done.stdout, volume)
    find, _ = CLUSTERS[cluster]
    command = find(yaml.safe_load(done.stdout)).replace(f"{WORK}/", f"{volume}/")
    with hosts() as own:
        both = _started(own, cluster, command, volume)
        until(lambda: events(volume, former.name, "checkpoint") or both[0].poll() is not None, 240)
        assert [one.poll() for one in both] == [None, None], said(volume, 0) + said(volume, 1)
        os.kill(running(volume, 1), signal.SIGTERM)
        assert [one.wait(120) for one in both] == [75, 75], said(volume, 0)
        assert "the other machines check the copy 1 of 1 machines" in said(volume, 0)
        shutil.rmtree(volume / "runs" / former.name)
        both = _started(own, cluster, command, volume)
        assert [one.wait(200) for one in both] == [0, 0], said(volume, 0) + said(volume, 1)
    assert "check the copy" not in said(volume, 0)
    assert f"continued from step {made} of {former.name}" in said(volume, 0)
    steps = [one.fields["step"] for one in events(volume, former.name, "step")]
    assert steps == list(range(made + 1, STEPS + 1))


def _copied(text: str, volume: Path) -> None:
    """Copy what the first lines of a file say."""
    pairs = re.findall(rf"^#   (.*) -> {WORK}/(.*)$", text, re.MULTILINE)
    assert len(pairs) > 2
    for source, target in pairs:
        place = volume / target
        place.parent.mkdir(parents=True, exist_ok=True)
        copy = shutil.copytree if Path(source).is_dir() else shutil.copy
        copy(source, place)


def _started(own: Hosts, cluster: str, command: str, volume: Path) -> list[Started]:
    path = f"PATH={Path(sys.executable).parent}:{os.environ['PATH']}"
    found = []
    for number in (0, 1):
        given = [f"{name}={value}" for name, value in CLUSTERS[cluster][1](number).items()]
        words = ["env", path, *given, "sh", "-c", command]
        found.append(own.start(number, words, volume, volume / f"machine{number}.txt"))
    return found


def events(volume: Path, former: str, kind: str) -> list[Event]:
    """Return the events of a kind of the new run's training."""
    paths = [one for one in volume.glob("runs/*/events.jsonl") if one.parent.name != former]
    found = read(paths[0])[0] if paths else []
    return [one for one in found if (one.stage, one.kind) == ("train", kind)]
