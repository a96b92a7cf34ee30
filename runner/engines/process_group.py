"""The processes of a stage as a torch process group: NCCL between cards, gloo on CPU.

Each process watches the others: if one ends before they leave the group together, this one exits
immediately, whatever it is computing. torchrun alone would send SIGTERM and wait half a minute.
"""

import os
import select
import sys
import threading
import time
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import NoReturn

import torch
import torch.distributed as dist
from torch._C._distributed_c10d import FileStore, Store, TCPStore

from lockfiles.errors import Stopped, TunelockError
from runner.engines.lost import NETWORK_PATIENCE, lost
from runner.engines.meeting import Meeting, of_environment
from runner.engines.ranks import PEER_LOST, Ranks

_PATIENCE = timedelta(days=7)
"""How long a process waits for another that is running: it may be suspended and resumed."""
_SETTLE_SECONDS = 2.0
"""How long a failed process waits to learn whether another one had ended before it."""


@dataclass(frozen=True)
class ProcessGroup:
    """This process in torch's process group."""

    rank: int
    count: int

    def gathered(self, values: Sequence[int]) -> list[list[int]]:
        """Return the values of each process, by rank."""
        own = torch.tensor(values, dtype=torch.int64)
        found = [torch.empty_like(own) for _ in range(self.count)]
        dist.all_gather(found, own)
        return [one.tolist() for one in found]

    def wait(self) -> None:
        """Wait until every process has reached this call. Uses no card, unlike torch's barrier."""
        self.gathered([0])


@contextmanager
def joined(meeting: Path) -> Iterator[Ranks]:
    """Join the group through a rendezvous file, and leave it together with the others."""
    rank, count = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
    several = of_environment()
    store = _store(several, meeting, count)
    patience = _PATIENCE if several is None else NETWORK_PATIENCE
    dist.init_process_group(_backends(), store=store, rank=rank, world_size=count, timeout=patience)
    group = ProcessGroup(rank, count)
    here = several.node if several else 0
    everyone = group.gathered([here, os.getpid()])
    watch = _Watch([number for node, number in everyone if node == here])
    try:
        yield group
    except Stopped:
        _leave(group, watch)
        raise
    except TunelockError:
        raise
    except Exception as problem:
        time.sleep(_SETTLE_SECONDS)
        if several and lost(problem):
            _end_lost(problem)
        raise
    _leave(group, watch)


def _store(several: Meeting | None, meeting: Path, count: int) -> Store:
    """Return where processes exchange their addresses: a file, or torchrun's own store."""
    if several is None:
        return FileStore(str(meeting), count)
    return TCPStore(several.host, several.port, timeout=NETWORK_PATIENCE)


def _end_lost(problem: Exception) -> NoReturn:
    """Exit as a process that lost another one, whose machine reports why."""
    traceback.print_exception(problem)
    print("another process of this stage has ended", file=sys.stderr, flush=True)
    os._exit(PEER_LOST)


def _backends() -> str:
    """Return torch's name of the backends, after choosing this process's card.

    Tensors in main memory are exchanged with gloo: stops and checkpoints wait for no card.
    """
    if not torch.cuda.is_available():
        return "gloo"
    torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    return "cpu:gloo,cuda:nccl"


def _leave(group: ProcessGroup, watch: "_Watch") -> None:
    """Leave once all processes are done, so that none mistakes another's exit for a failure."""
    group.wait()
    watch.end()
    group.wait()
    dist.destroy_process_group()


class _Watch:
    """Ends this process when another one of its group ends."""

    def __init__(self, numbers: Sequence[int]) -> None:
        self._mine, self._ours = os.pipe()
        others = [number for number in numbers if number != os.getpid()]
        if hasattr(os, "pidfd_open"):  # without it the next all-reduce fails instead
            peers = [os.pidfd_open(number) for number in others]
            threading.Thread(target=self._run, args=(peers,), daemon=True, name="peers").start()

    def end(self) -> None:
        """Stop watching."""
        os.close(self._ours)

    def _run(self, peers: Sequence[int]) -> None:
        ends = select.poll()
        for descriptor in (self._mine, *peers):
            ends.register(descriptor, select.POLLIN | select.POLLHUP)
        found = [descriptor for descriptor, _ in ends.poll()]
        if self._mine not in found:
            print("another process of this stage has ended", file=sys.stderr, flush=True)
            os._exit(PEER_LOST)
        for descriptor in (self._mine, *peers):
            os.close(descriptor)
