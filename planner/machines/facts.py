"""What a machine has: cards, memory and disk, as values that can be saved and read again."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from lockfiles.files import write_out

HALF_GIB = 1 << 29


@dataclass(frozen=True)
class Holder:
    """One process that holds memory of a card."""

    pid: int
    """Its number; in a container the host's."""
    name: str
    """Its program, such as `python`; empty where the driver does not tell."""
    memory_bytes: int
    """What it holds, in bytes; 0 where the driver does not tell."""


@dataclass(frozen=True)
class Gpu:
    """One card, or one slice of a card."""

    name: str
    """The name that the driver gives it."""
    memory_bytes: int
    """All of its memory, in bytes."""
    free_bytes: int
    """What is free now, in bytes."""
    compute_capability: str
    """Such as `9.0`; the instruction set, such as `gfx942`, for AMD; empty for Apple."""
    holders: tuple[Holder, ...] = ()
    """Who holds what is not free, the largest first, as far as the driver tells."""

    @property
    def vendor(self) -> Literal["NVIDIA", "AMD", "Apple"]:
        """Its maker."""
        if not self.compute_capability:
            return "Apple"
        return "AMD" if self.compute_capability.startswith("gfx") else "NVIDIA"

    @property
    def computes_bfloat16(self) -> bool:
        """Whether it has bfloat16: NVIDIA's from compute capability 8.0 on, and all of AMD's and
        Apple's that are in the catalogue."""
        major = self.compute_capability.partition(".")[0]
        return self.vendor != "NVIDIA" or (major.isdecimal() and int(major) >= 8)


@dataclass(frozen=True)
class MachineFacts:
    """One machine, as a plan counts it."""

    kind: Literal["cpu", "cuda"]
    """Where training runs; `cuda` is torch's name for NVIDIA's cards and for AMD's."""
    gpus: tuple[Gpu, ...]
    """The cards, in the driver's order; empty on a CPU machine."""
    cpu_cores: int
    """Cores that this process may use, at least 1."""
    ram_bytes: int
    """Main memory, at most the control groups' limit, in bytes."""
    ram_free_bytes: int
    """Main memory free for a new process, in bytes."""
    disk_free_bytes: int
    """Free on the disk that a run writes to, in bytes."""
    driver: str
    """The driver's version; empty without one."""
    processor: str = ""
    """The processor's name, such as `Apple M3 Max`; empty where it is not known."""
    metal_bytes: int = 0
    """What an Apple GPU may hold of the main memory, in bytes; 0 on other machines."""
    problem: str = ""
    """Why cards that are there cannot be used, in sentences; empty where nothing is wrong."""

    @property
    def least_free(self) -> Gpu | None:
        """The card with the least free memory, by which a plan for all of them counts."""
        return min(self.gpus, key=lambda gpu: gpu.free_bytes, default=None)

    @property
    def counted_memory_bytes(self) -> int:
        """Free memory of the smallest card, or all main memory without one, in 0.5 GiB steps.

        What is free of main memory changes from minute to minute, and equal answers on one
        machine must lead to equal plans.
        """
        counted = self.least_free.free_bytes if self.least_free else self.ram_bytes
        return counted // HALF_GIB * HALF_GIB

    def save(self, path: Path) -> None:
        """Write the facts as JSON."""
        write_out(path, (json.dumps(asdict(self), indent=2) + "\n").encode())
