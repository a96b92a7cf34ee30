"""The memory that a process gets of an idle card.

The driver keeps a part of what it shows. The context of a process is not deducted here, but in
`planner.search.budget`.
"""

_GIB = 1 << 30
_LEAST_KEPT_BYTES, _SHARE_KEPT = 4 * _GIB // 10, 0.005
"""What NVIDIA's driver keeps of a card: 0.4 GiB and half a percent. Of the measured cards of up to
80 GiB, this leaves at most 0.1 GiB too much and 0.35 GiB too little; larger ones give up to 1 GiB
more."""
_KEPT_ELSEWHERE_BYTES = 5 * _GIB // 16
"""What other drivers keep at most: 0.02 to 0.31 GiB of the MI250, MI300X, MI325X and MI355X, and
0.07 GiB of an Arc B580."""
_SHARE_OF_SYSTEM = 0.1
"""What the system takes of memory that the processor shares, as in plans for a CPU."""


def usable_bytes(vendor: str, visible_bytes: int, measured_bytes: int, unified: bool) -> int:
    """Return what a process gets of a card, in bytes.

    `visible_bytes` is what the driver shows; `measured_bytes` what a process got, or 0. `unified`
    is whether the memory is the machine's main memory.
    """
    if vendor == "Apple":
        return working_set(visible_bytes)
    found = measured_bytes or visible_bytes - _kept_bytes(vendor, visible_bytes)
    return int(found * (1 - _SHARE_OF_SYSTEM)) if unified else found


def _kept_bytes(vendor: str, visible_bytes: int) -> int:
    if vendor == "NVIDIA":
        return _LEAST_KEPT_BYTES + int(visible_bytes * _SHARE_KEPT)
    return _KEPT_ELSEWHERE_BYTES


def working_set(total_bytes: int) -> int:
    """Return Metal's `recommendedMaxWorkingSetSize` by main memory, in bytes.

    It is three quarters above 36 GiB, else two thirds. Apple does not document a rule; these values
    are from logs of llama.cpp on macOS 13 and 14 (10922.67 MB of 16 GiB, 49152 MB of 64 GiB; issue
    1870). Later systems recommend more, up to 84% of 128 GiB, so this is a lower bound.
    """
    return total_bytes * 3 // 4 if total_bytes > 36 * _GIB else total_bytes * 2 // 3
