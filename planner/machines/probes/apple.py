"""Probes Apple chips and their unified memory."""

import re

from planner.machines.probes.host import Host, whole

_GIB = 1 << 30


def chip(host: Host) -> str:
    """Return the processor's name, such as `Apple M3 Max`."""
    return host.command("sysctl", "-n", "machdep.cpu.brand_string").strip()


def memory(host: Host) -> tuple[int, int]:
    """Return total and available main memory, in bytes.

    Available are free, speculative and inactive pages, as in `psutil.virtual_memory`; if `vm_stat`
    does not report them, all memory counts as available.
    """
    told = host.command("vm_stat")
    page = re.search(r"page size of (\d+) bytes", told)
    counts = re.findall(r"^Pages (?:free|speculative|inactive):\s+(\d+)\.", told, re.MULTILINE)
    total = whole(host.command("sysctl", "-n", "hw.memsize").strip())
    return total, sum(map(int, counts)) * int(page[1]) if page else total


def metal_bytes(host: Host, total_bytes: int) -> int:
    """Return the memory that Metal allows a GPU program, in bytes; 0 without an Apple chip."""
    if host.system != "darwin" or not chip(host).startswith("Apple"):
        return 0
    limit = whole(host.command("sysctl", "-n", "iogpu.wired_limit_mb").strip())
    return limit << 20 if limit else working_set(total_bytes)


def working_set(total_bytes: int) -> int:
    """Return Metal's `recommendedMaxWorkingSetSize` by main memory, in bytes.

    It is three quarters above 36 GiB, else two thirds. Apple does not document a rule; these values
    are from logs of llama.cpp on macOS 13 and 14 (10922.67 MB of 16 GiB, 49152 MB of 64 GiB; issue
    1870). Later systems recommend more, up to 84% of 128 GiB, so this is a lower bound.
    """
    return total_bytes * 3 // 4 if total_bytes > 36 * _GIB else total_bytes * 2 // 3
