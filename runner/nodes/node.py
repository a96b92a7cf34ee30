"""Which of a run's machines this is, and where its first machine listens."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from lockfiles import limits
from lockfiles.errors import UsageProblem
from lockfiles.fixes import Advice, Command, Option
from lockfiles.harmless import one_line

NODE_VARIABLE = "TUNELOCK_NODE"
"""The environment variable for `--node`."""
RENDEZVOUS_VARIABLE = "TUNELOCK_RENDEZVOUS"
"""The environment variable for `--rendezvous`."""
MOST_NODES = limits.MOST_PROCESSES
"""The most machines of a run."""
_LOW_PORT, _PORTS = 20_000, 10_000
"""A Slurm job listens on a port of these that follows from its number: jobs may share a machine."""
_MOST_SHOWN_CHARS = 100
_HOST = re.compile(r"[A-Za-z0-9_.:%-]{1,253}")
_GIVE = Option("--node NUMBER --rendezvous HOST:PORT", to="run it on every machine with")
_SCRIPT = Command("tunelock launch run.lock --slurm", to="write what starts it on a cluster")


@dataclass(frozen=True)
class Node:
    """One of the machines of a run."""

    rank: int
    """Its number, from 0; machine 0 writes the events and results."""
    count: int
    host: str
    """The name or address of machine 0."""
    port: int
    """Where the supervisor of machine 0 listens."""


def node_of(
    count: int, rank: int | None, rendezvous: str | None, environment: Mapping[str, str]
) -> Node | None:
    """Return which of `count` machines this is; None for a run on one machine.

    It is given by the options, else by their variables, else by Slurm's. Raises UsageProblem.
    """
    if count == 1:
        if rank is not None or rendezvous is not None:
            raise UsageProblem(
                "`--node` and `--rendezvous` are for several machines, but the lock is for one.",
                fix=Advice("leave them out"),
            )
        return None
    named = environment.get(NODE_VARIABLE)
    rank = _number(named) if rank is None and named is not None else rank
    rendezvous = rendezvous or environment.get(RENDEZVOUS_VARIABLE)
    if rank is None and rendezvous is None and (slurm := _of_slurm(count, environment)):
        return slurm
    if rank is None or rendezvous is None:
        lacking = "which of them this is" if rank is None else "where machine 0 can be reached"
        raise UsageProblem(
            f"The lock is for {count} machines, and {lacking} was not given.",
            fix=(_GIVE, _SCRIPT),
        )
    if not 0 <= rank < count:
        raise UsageProblem(
            f"`--node` is {rank}, but the lock is for {count} machines, 0 to {count - 1}.",
            fix=_GIVE,
        )
    return Node(rank, count, *_place(rendezvous))


def _of_slurm(count: int, environment: Mapping[str, str]) -> Node | None:
    """Return the node that a task of a Slurm job step is; None outside of one.

    Raises UsageProblem for a step with another number of tasks.
    """
    task, tasks = environment.get("SLURM_PROCID", ""), environment.get("SLURM_STEP_NUM_TASKS", "")
    if not (task.isdecimal() and tasks.isdecimal()):
        return None
    if int(tasks) != count:
        raise UsageProblem(
            f"The lock is for {count} machines, but this Slurm step has {int(tasks)} tasks.",
            fix=Command("srun --ntasks={} tunelock run run.lock", str(count)),
        )
    hosts = environment.get("SLURM_STEP_NODELIST") or environment.get("SLURM_JOB_NODELIST", "")
    job = environment.get("SLURM_JOB_ID", "0")
    port = _LOW_PORT + (int(job) if job.isdecimal() else 0) % _PORTS
    return Node(int(task), count, *_place(f"{first_host(hosts)}:{port}"))


def first_host(hosts: str) -> str:
    """Return the first host of a Slurm node list: `node03` of `node[03-05,09],gpu1`."""
    return re.sub(r"\[([^\],-]+)[^\]]*\]", r"\1", hosts).partition(",")[0]


def _number(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) < 7):
        shown = one_line(text, most=_MOST_SHOWN_CHARS)
        raise UsageProblem(f"`{NODE_VARIABLE}` is `{shown}`, which is not a number.", fix=_GIVE)
    return int(text)


def _place(rendezvous: str) -> tuple[str, int]:
    host, _, port = rendezvous.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    valid = port.isascii() and port.isdecimal() and len(port) < 6 and 0 < int(port) < 65536
    if not valid or not _HOST.fullmatch(host) or host.startswith("-"):
        shown = one_line(rendezvous, most=_MOST_SHOWN_CHARS)
        raise UsageProblem(
            f"`{shown}` is not a rendezvous such as `node01:29400`.",
            fix=Option("--rendezvous HOST:PORT", to="name machine 0 and a free port with"),
        )
    return host, int(port)
