"""Data parallelism: each process has a copy of the model and computes its share of every step.

torchrun starts them (`runner.engines.torchrun`). They find each other through files in a private
folder and exchange gradients over the loopback interface, or between cards over NCCL, which uses
that interface for its start: nothing listens on a network.
"""

import os
import sys
from contextlib import AbstractContextManager
from pathlib import Path

from runner.engines.engine import Engine
from runner.engines.ranks import Ranks

MEETING_VARIABLE = "TUNELOCK_MEETING"
"""The environment variable with the path of the private folder."""
GROUP = "group"
"""The file in it through which the processes find each other."""
_REPORTED = "reported"
_LOOPBACK = "lo0" if sys.platform == "darwin" else "lo"


def _arguments(module: str, job: Path, processes: int) -> tuple[str, ...]:
    return ("-m", "runner.engines.torchrun", str(processes), module, str(job))


def _joined() -> AbstractContextManager[Ranks]:
    from runner.engines.process_group import joined

    return joined(Path(os.environ[MEETING_VARIABLE]) / GROUP)


def _reports_failure() -> bool:
    """Return whether this process is the first to fail: that one creates a file."""
    place = Path(os.environ[MEETING_VARIABLE]) / _REPORTED
    try:
        os.close(os.open(place, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600))
    except FileExistsError:
        return False
    except OSError:  # the disk of the private folder may be full
        return True
    return True


ENGINE = Engine(
    name="ddp",
    arguments=_arguments,
    variables={
        "GLOO_SOCKET_IFNAME": _LOOPBACK,  # gloo's default is the interface of the host's name
        "NCCL_SOCKET_IFNAME": _LOOPBACK,  # NCCL's default is every interface but this one
        "TORCH_NCCL_ENABLE_MONITORING": "0",  # it would end processes that were suspended
        "TORCH_DISABLE_SHARE_RDZV_TCP_STORE": "1",  # torchrun's own store listens everywhere
    },
    starts_workers=True,
    rank=lambda: int(os.environ["RANK"]),
    joined=_joined,
    reports_failure=_reports_failure,
)
