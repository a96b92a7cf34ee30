"""Probes this machine (cards, memory, disk) without a training stack."""

import shutil
from pathlib import Path

from planner.machines.facts import MachineFacts
from planner.machines.probes import amd, apple, cgroups, memory, nvidia, processor
from planner.machines.probes.found import Found
from planner.machines.probes.host import Host


def probe(disk: Path, host: Host | None = None) -> MachineFacts:
    """Return the facts of this machine, or of `host`; without a driver it has no cards.

    `disk` is a folder on the disk whose free space is measured. Raises UsageProblem if main memory
    cannot be read.
    """
    host = host or Host()
    found = nvidia.cards(host)
    if not found.gpus:
        other = amd.cards(host)
        problem = " ".join(filter(None, (found.problem, other.problem)))
        found = Found(other.gpus, other.driver or found.driver, problem)
    total, free = memory.usable(host)
    return MachineFacts(
        kind="cuda" if found.gpus else "cpu",
        gpus=found.gpus,
        cpu_cores=cgroups.cores(host),
        ram_bytes=total,
        ram_free_bytes=free,
        disk_free_bytes=shutil.disk_usage(disk).free,
        driver=found.driver,
        processor=processor.name(host),
        metal_bytes=apple.metal_bytes(host, total),
        problem=found.problem,
        links=found.links,
    )
