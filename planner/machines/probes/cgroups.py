"""Reads the limits of a process's control groups, versions 1 and 2.

The limits of parent groups apply too, so all groups up to the root are read. In a container, the
path in `/proc/self/cgroup` may be that of the host, of which only the root is visible.
Source: the kernel's `admin-guide/cgroup-v1/memory.rst` and `admin-guide/cgroup-v2.rst`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from planner.machines.probes.host import Host

_MOUNT = "sys/fs/cgroup"
_UNLIMITED = 1 << 62
"""In version 1, limits from here on mean unlimited."""


@dataclass(frozen=True)
class _Version:
    """The file names of one version."""

    limit: str
    """The file with the memory limit."""
    used: str
    """The file with the memory usage."""
    cache: str
    """The row of `memory.stat` with the reclaimable file cache."""


_V1 = _Version("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
_V2 = _Version("memory.max", "memory.current", "inactive_file")


def memory_limits(host: Host) -> Iterator[tuple[int, int]]:
    """Yield the memory limit and usage of each group, without file cache, in bytes."""
    for controller, version in (("memory", _V1), ("", _V2)):
        for folder in _folders(host, controller):
            limit = host.read(f"{folder}/{version.limit}")
            if limit.isdecimal() and int(limit) < _UNLIMITED:
                held = host.number(f"{folder}/{version.used}")
                yield int(limit), max(0, held - _statistic(host, folder, version.cache))


def cores(host: Host) -> int:
    """Return the cores within the groups' quotas, rounded down, at least 1.

    With more threads than the quota, some are paused during a step while the others wait.
    """
    shares = [quota // period for quota, period in _quotas(host) if quota > 0 and period > 0]
    return max(1, min([host.cores, *shares]))


def _quotas(host: Host) -> Iterator[tuple[int, int]]:
    for folder in _folders(host, "cpu"):
        yield (
            host.number(f"{folder}/cpu.cfs_quota_us"),
            host.number(f"{folder}/cpu.cfs_period_us"),
        )
    for folder in _folders(host, ""):
        quota, _, period = host.read(f"{folder}/cpu.max").partition(" ")
        if quota.isdecimal() and period.isdecimal():
            yield int(quota), int(period)


def _folders(host: Host, controller: str) -> Iterator[str]:
    """Yield the folders of the process's group and of its parents; version 2 has no controller."""
    for line in host.read("proc/self/cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        if controller in controllers.split(","):
            for mount in (controllers, controller) if controller else ("", "unified"):
                top = PurePosixPath(_MOUNT, mount)
                group = top / path.lstrip("/")
                above = [at for at in group.parents if at.is_relative_to(top)]
                yield from map(str, (group, *above))


def _statistic(host: Host, folder: str, name: str) -> int:
    for line in host.read(f"{folder}/memory.stat").splitlines():
        key, _, value = line.partition(" ")
        if key == name and value.isdecimal():
            return int(value)
    return 0
