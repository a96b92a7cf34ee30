"""Starts the processes of a training with torchrun, and returns their exit code.

`python -P -m runner.engines.torchrun PROCESSES MODULE JOB` starts `python -P -m MODULE JOB` that
many times, or this machine's share of them. It exits with the code, or by the signal, of the
process that failed first. It does not forward stops: the supervisor signals each worker directly.
"""

import os
import resource
import signal
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from torch.distributed import run as torchrun
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError

from lockfiles.errors import Stopped
from runner.engines.ddp import MEETING_VARIABLE
from runner.engines.meeting import Meeting, ends_file, of_environment, write_ends
from runner.engines.ranks import PEER_LOST

_NEVER_SENT = "SIGUSR2"
"""The only signal that torchrun may handle: on one it kills its workers within seconds, whether or
not they have saved a checkpoint."""


def main(processes: int, module: str, job: str) -> int:
    """Start the processes, wait for their end and return the exit code."""
    signal.signal(signal.SIGTERM, lambda *_: None)  # workers install their own handler
    with tempfile.TemporaryDirectory(prefix="tunelock-") as folder:
        os.environ[MEETING_VARIABLE] = folder
        codes = _ends(processes, (module, job), Path(folder))
    if wanted := ends_file():
        write_ends(wanted, codes)
    code = cause(codes)
    for rank, end in codes.items():
        if end == code != Stopped.exit_code:
            print(f"process {rank} of {processes} ended with {end}", file=sys.stderr)
    if code < 0:
        _end_by(-code)
    return code


def _ends(processes: int, worker: tuple[str, str], folder: Path) -> Mapping[int, int]:
    """Return how the failed processes ended: rank to exit code, or minus the signal's number."""
    several = of_environment()
    words = [
        *(_here(processes, folder) if several is None else _there(processes, several)),
        "--max-restarts=0", "--rdzv-id=tunelock",
        f"--signals-to-handle={_NEVER_SENT}", f"--log-dir={folder}",
        "--no-python", sys.executable, "-P", "-m", *worker,
    ]  # fmt: skip
    try:
        torchrun.run(torchrun.parse_args(words))  # type: ignore[no-untyped-call]
    except ChildFailedError as problem:
        return {rank: int(one.exitcode) for rank, one in problem.failures.items()}
    return {}


def _here(processes: int, folder: Path) -> list[str]:
    """Return torchrun's words for one machine, whose processes meet through a file."""
    return [
        "--nnodes=1", f"--nproc-per-node={processes}", "--rdzv-backend=c10d",
        "--rdzv-conf=store_type=file", f"--rdzv-endpoint={folder / 'rendezvous'}",
        "--local-addr=127.0.0.1",
    ]  # fmt: skip


def _there(processes: int, several: Meeting) -> list[str]:
    """Return torchrun's words for one of several machines, which meet at machine 0.

    Its static rendezvous numbers the processes by machine, so that rank 0 is on machine 0.
    """
    return [
        f"--nnodes={several.nodes}", f"--node-rank={several.node}",
        f"--nproc-per-node={processes // several.nodes}", "--rdzv-backend=static",
        f"--master-addr={several.host}", f"--master-port={several.port}",
        f"--local-addr={several.own}",
    ]  # fmt: skip


def cause(codes: Mapping[int, int]) -> int:
    """Return the exit code that explains the others; 0 if there is none.

    A process that was killed explains those that lost it; torchrun ends the rest by SIGTERM, on
    which some stop cleanly.
    """
    own = [code for code in codes.values() if code not in (PEER_LOST, -signal.SIGTERM)]
    own.sort(key=lambda code: code == Stopped.exit_code)
    killed = [code for code in own if code < 0]
    if PEER_LOST in codes.values() and not own:
        return 1
    return next(iter(killed or own or codes.values()), 0)


def _end_by(number: int) -> None:
    """End this process by a signal, without a core of its own."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if number != signal.SIGKILL:
        signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)


if __name__ == "__main__":
    raise SystemExit(main(int(sys.argv[1]), *sys.argv[2:4]))
