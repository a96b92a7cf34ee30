"""The limits of the control groups that a process is in, of version 1 and of version 2.

A group is within its parents' limits as well, so each of them is read up to the root. In a
container the path of `/proc/self/cgroup` may be the host's, of which only the root is here.
Source: the kernel's `admin-guide/cgroup-v1/memory.rst` and `admin-guide/cgroup-v2.rst`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from planner.machines.probes.host import Host

_MOUNT = "sys/fs/cgroup"
_UNLIMITED = 1 << 62
"""From here on a limit of version 1 says that there is none."""


@dataclass(frozen=True)
class _Version:
    """The names that one version gives to a memory limit."""

    limit: str
    """The file of the limit."""
    used: str
    """The file of what the group holds."""
    cache: str
    """The row of `memory.stat` with the file cache that the kernel drops first."""


_V1 = _Version("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
_V2 = _Version("memory.max", "memory.current", "inactive_file")


def memory_limits(host: Host) -> Iterator[tuple[int, int]]:
    """Yield the limit of each group and what it holds of it, file cache left out, in bytes."""
    for controller, version in (("memory", _V1), ("", _V2)):
        for folder in _folders(host, controller):
            limit = host.read(f"{folder}/{version.limit}")
            if limit.isdecimal() and int(limit) < _UNLIMITED:
                held = host.number(f"{folder}/{version.used}")
                yield int(limit), max(0, held - _statistic(host, folder, version.cache))


def cores(host: Host) -> int:
    """Return the cores within the groups' quotas, rounded down, at least 1.

    Threads beyond a quota are stopped in the middle of a step, while the others wait for them.
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
