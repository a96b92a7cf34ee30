"""Probes main memory: installed, and usable by this process."""

from lockfiles.errors import UsageProblem
from lockfiles.fixes import Change, Command
from planner.machines.probes import apple, cgroups
from planner.machines.probes.host import Host


def usable(host: Host) -> tuple[int, int]:
    """Return total and free main memory within the limits of control groups, in bytes.

    Raises UsageProblem as `installed` does.
    """
    total, free = installed(host)
    for limit, used in cgroups.memory_limits(host):
        total = min(total, limit)
        free = min(free, max(0, limit - used))
    return total, free


def installed(host: Host) -> tuple[int, int]:
    """Return total and free main memory, in bytes.

    Raises UsageProblem on a system that is neither Linux nor macOS.
    """
    total, free = apple.memory(host) if host.system == "darwin" else _meminfo(host)
    if not total:
        raise UsageProblem(
            f"The main memory of this machine cannot be read (system `{host.system}`).",
            fix=(
                Command("cat /proc/meminfo", to="on Linux"),
                Command("sysctl hw.memsize", to="on macOS"),
                Change("machine.facts", "a file with the facts of another machine"),
            ),
        )
    return total, free


def _meminfo(host: Host) -> tuple[int, int]:
    rows = [line.split() for line in host.read("proc/meminfo").splitlines()]
    kib = {row[0].rstrip(":"): int(row[1]) for row in rows if len(row) > 1 and row[1].isdecimal()}
    total = kib.get("MemTotal", 0)
    return total * 1024, kib.get("MemAvailable", kib.get("MemFree", 0)) * 1024
