"""Amounts with units: memory in binary units, files and disks in decimal ones.

Memory is in units of drivers and `/proc` (1 GiB = 2³⁰ bytes), files in those of disks and the Hub
(1 GB = 10⁹ bytes).
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lockfiles.lock import TrainingLock

_GIB, _MIB = 1 << 30, 1 << 20
_LEAST_GIB = _GIB // 10
"""Memory below this many bytes is shown in MiB."""


def memory(count_bytes: int) -> str:
    """Return an amount of memory: `96.0 MiB` below 0.1 GiB, `0.74 GiB`, `23.2 GiB`."""
    numbers, unit = memories(count_bytes)
    return f"{numbers[0]} {unit}"


def memories(*counts_bytes: int) -> tuple[list[str], str]:
    """Return amounts of memory as numbers, and their common unit, chosen for the greatest."""
    if max(counts_bytes) < _LEAST_GIB:
        return [f"{count / _MIB:.1f}" for count in counts_bytes], "MiB"
    return [_decimals(count / _GIB) for count in counts_bytes], "GiB"


def size(count_bytes: int) -> str:
    """Return the size of a file or of a disk: `812 B`, `14 kB`, `4.1 MB`, `3.09 GB`."""
    if count_bytes < 1000:
        return f"{count_bytes} B"
    if count_bytes < 10**6:
        return f"{count_bytes / 1e3:.0f} kB"
    if count_bytes < 10**9:
        return f"{count_bytes / 1e6:.1f} MB"
    return f"{_decimals(count_bytes / 1e9)} GB"


def _decimals(number: float) -> str:
    return f"{number:.2f}" if number < 9.995 else f"{number:,.1f}"


def batch(lock: "TrainingLock") -> str:
    """Return the batch of a step: its rows in passes, or micro-batch times accumulation, processes,
    and packing."""
    train, processes = lock.train, lock.parallel.processes
    if train.pass_tokens:
        rows = train.micro_batch * train.accumulation * processes
        return f"{rows} rows in passes of up to {train.pass_tokens:,} tokens"
    each = f" in each of {processes} processes" if processes > 1 else ""
    packed = ", packed" if lock.stream.packing else ""
    return f"{train.micro_batch} x {train.accumulation}{each}{packed}"
