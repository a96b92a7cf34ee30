"""A Slurm cluster of one machine in a folder: munged, slurmctld and slurmd of Debian's packages.

Needs root. Its partition `preempted` is requeued, after a grace time, for jobs of `urgent`.
"""

import os
import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.journeys.demo_folder import ENVIRONMENT

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "scontrol")
_PATH = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
_CONFIGURATION = """
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmdUser=root
SlurmctldPort={controller}
SlurmdPort={daemon}
AuthType=auth/munge
AuthInfo=socket={folder}/munge/socket,cred_expire=15
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
JobRequeue=1
KillWait=10
ReturnToService=2
SchedulerParameters=sched_interval=2,sched_min_interval=0,bf_interval=1
SlurmdParameters=config_overrides
NodeName=localhost NodeHostname={host} NodeAddr=127.0.0.1 CPUs=2 RealMemory=8000 State=UNKNOWN
PartitionName=preempted Nodes=localhost Default=YES PriorityTier=1 GraceTime=90 MaxTime=INFINITE
PartitionName=urgent Nodes=localhost PriorityTier=10 PreemptMode=OFF MaxTime=INFINITE
"""


@dataclass(frozen=True)
class Cluster:
    """A running cluster."""

    folder: Path
    programs: Path
    """The folder of `tunelock`."""

    @property
    def environment(self) -> dict[str, str]:
        """The variables of its commands."""
        configuration = str(self.folder / "slurm.conf")
        return ENVIRONMENT | {"PATH": f"{self.programs}:{_PATH}", "SLURM_CONF": configuration}

    def command(self, *words: str, at: Path | None = None) -> str:
        """Run a command of Slurm and return what it prints."""
        done = subprocess.run(
            words, cwd=at or self.folder, env=self.environment, capture_output=True, text=True
        )
        assert done.returncode == 0, f"{words}: {done.stderr}"
        return done.stdout.strip()

    def job(self, number: str) -> dict[str, str]:
        """Return the fields of a job."""
        shown = self.command("scontrol", "show", "job", "--oneliner", number)
        return dict(word.split("=", 1) for word in shown.split() if "=" in word)


@contextmanager
def cluster(folder: Path, programs: Path) -> Iterator[Cluster]:
    """Start a cluster, and stop it; skips the test without its programs."""
    missing = [name for name in PROGRAMS if not shutil.which(name, path=_PATH)]
    if missing or os.geteuid() != 0:
        pytest.skip(f"needs root and Debian's slurmctld, slurmd and munge; missing: {missing}")
    _configure(folder)
    found, started = Cluster(folder, programs), list[subprocess.Popen[bytes]]()
    munge = folder / "munge"
    try:
        for words in (
            ["munged", "--foreground", "--force", f"--key-file={munge}/key",
             f"--socket={munge}/socket", f"--pid-file={munge}/pid", f"--log-file={munge}/log",
             f"--seed-file={munge}/seed"],
            ["slurmctld", "-D", "-f", str(folder / "slurm.conf")],
            ["slurmd", "-D", "-N", "localhost", "-f", str(folder / "slurm.conf")],
        ):  # fmt: skip
            started.append(_started(words, folder, found.environment))
            if words[0] == "munged":
                _until(lambda: (munge / "socket").exists(), "munged did not start", folder)
        _until(lambda: _idle(found), "the machine did not become idle", folder)
        yield found
    finally:
        for one in reversed(started):
            one.terminate()
            one.wait(30)


def _started(words: list[str], folder: Path, environment: dict[str, str]) -> "Started":
    with (folder / f"{words[0]}.out").open("wb") as out:
        return subprocess.Popen(words, cwd=folder, env=environment, stdout=out, stderr=out)


Started = subprocess.Popen[bytes]


def _configure(folder: Path) -> None:
    for name in ("munge", "state", "spool"):
        (folder / name).mkdir(mode=0o755)
    (folder / "munge" / "key").write_bytes(secrets.token_bytes(64))
    (folder / "munge" / "key").chmod(0o400)
    text = _CONFIGURATION.format(
        host=socket.gethostname(), folder=folder, controller=_port(), daemon=_port()
    )
    (folder / "slurm.conf").write_text(text)


def _port() -> int:
    with socket.socket() as own:
        own.bind(("127.0.0.1", 0))
        found: int = own.getsockname()[1]
    return found


def _idle(found: Cluster) -> bool:
    done = subprocess.run(
        ["sinfo", "-h", "-o", "%T"], env=found.environment, capture_output=True, text=True
    )
    return "idle" in done.stdout


def _until(happened: object, why: str, folder: Path) -> None:
    assert callable(happened)
    end = time.monotonic() + 30
    while not happened():
        logs = [path.read_text("utf-8", "replace")[-800:] for path in folder.glob("*.out")]
        assert time.monotonic() < end, f"{why}: {logs}"
        time.sleep(0.2)
