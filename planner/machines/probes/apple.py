"""Probes Apple chips and their unified memory."""

import re

from planner.catalogue.card_memory import working_set
from planner.machines.probes.host import Host, whole


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
