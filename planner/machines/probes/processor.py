"""The processor's name."""

from planner.machines.probes import apple
from planner.machines.probes.host import Host


def name(host: Host) -> str:
    """Return the processor's name, such as `Apple M3 Max`; empty if unknown."""
    if host.system == "darwin":
        return apple.chip(host)
    for line in host.read("proc/cpuinfo").splitlines():
        key, _, value = line.partition(":")
        if key.strip() == "model name":
            return value.strip()
    return ""
