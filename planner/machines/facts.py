"""The hardware of a machine (cards, memory, disk), as values that can be saved."""

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal

from lockfiles.files import write_out

HALF_GIB = 1 << 29
FP8_CAPABILITY = (8, 9)
"""The compute capability of the first cards with FP8 units."""


@dataclass(frozen=True)
class Holder:
    """One process that uses memory of a card."""

    pid: int
    """Its process id; in a container, that of the host."""
    name: str
    """Its program, such as `python`; empty if the driver does not report it."""
    memory_bytes: int
    """Memory that it uses, in bytes; 0 if the driver does not report it."""


@dataclass(frozen=True)
class Gpu:
    """One card, or one slice of a card."""

    name: str
    """The name that the driver reports."""
    memory_bytes: int
    """Total memory, in bytes."""
    free_bytes: int
    """Free memory, in bytes. What the driver keeps for itself is not free: an idle card gives a
    process this much."""
    compute_capability: str
    """Such as `9.0`; for AMD and Intel the instruction set, such as `gfx942` or `xe-hpg`; empty for
    Apple."""
    holders: tuple[Holder, ...] = ()
    """The processes that use it, largest first, as far as the driver reports them."""

    @property
    def vendor(self) -> Literal["NVIDIA", "AMD", "Apple", "Intel"]:
        """Its vendor."""
        if not self.compute_capability:
            return "Apple"
        if self.compute_capability.startswith(("xe", "gaudi")):
            return "Intel"
        return "AMD" if self.compute_capability.startswith("gfx") else "NVIDIA"

    @property
    def computes_bfloat16(self) -> bool:
        """Whether it supports bfloat16: NVIDIA cards from compute capability 8.0, and all
        others in the catalogue."""
        major = self.compute_capability.partition(".")[0]
        return self.vendor != "NVIDIA" or (major.isdecimal() and int(major) >= 8)

    @property
    def computes_fp8(self) -> bool:
        """Whether it multiplies in FP8 as training does: NVIDIA cards from compute capability
        8.9."""
        major, _, minor = self.compute_capability.partition(".")
        known = self.vendor == "NVIDIA" and major.isdecimal() and minor.isdecimal()
        return known and (int(major), int(minor)) >= FP8_CAPABILITY


@dataclass(frozen=True)
class TimedStep:
    """A training step whose time was measured on a processor."""

    setup_sha256: str
    """Digest of the model and the setup (`planner.speed.setups`); empty for the plan's own."""
    seconds: float
    """Mean seconds of an optimizer step, with what the trainer does before it."""
    tokens: int
    """Mean tokens of such a step, including padding."""
    by: Literal["rehearsal", "run"]
    """What measured it."""
    evaluation_seconds: float = 0.0
    """Mean seconds of an evaluation; 0 where none was measured."""
    evaluation_tokens: int = 0
    """Tokens of such an evaluation, including padding; 0 where none was measured."""
    save_seconds: float = 0.0
    """Mean seconds to save a checkpoint; 0 where none was measured."""


@dataclass(frozen=True)
class CardLinks:
    """How fast the cards of a machine exchange data, as far as that is known of it."""

    kind: Literal["", "nvlink", "pcie"] = ""
    """What connects them; empty where it is not known."""
    card_bytes_per_second: float = 0.0
    """What each card sends to the next in collectives; 0 where the kind of card decides."""
    network_bytes_per_second: float = 0.0
    """What the machine sends to others; 0 where it is not known."""


@dataclass(frozen=True)
class MachineFacts:
    """One machine, as plans see it."""

    kind: Literal["cpu", "cuda"]
    """The device for training; `cuda` is torch's name for both NVIDIA and AMD cards."""
    gpus: tuple[Gpu, ...]
    """The cards, in the driver's order; empty on a CPU machine."""
    cpu_cores: int
    """Cores that this process may use, at least 1."""
    ram_bytes: int
    """Main memory within the limits of control groups, in bytes."""
    ram_free_bytes: int
    """Main memory free for a new process, in bytes."""
    disk_free_bytes: int
    """Free space on the disk of the run folder, in bytes."""
    driver: str
    """The driver's version; empty without one."""
    processor: str = ""
    """The processor's name, such as `Apple M3 Max`; empty if unknown."""
    metal_bytes: int = 0
    """Main memory that an Apple GPU may use, in bytes; 0 on other machines."""
    problem: str = ""
    """Why existing cards cannot be used, as sentences; empty if there is no problem."""
    process_bytes: int = 0
    """Resident memory of a training process on the CPU without model and rows, as measured here;
    0 if it was not measured."""
    timed: tuple[TimedStep, ...] = ()
    """Training steps that were measured on its processor, the newest first."""
    links: CardLinks = CardLinks()
    """How fast its cards exchange data."""
    ram_assumed: bool = False
    """Whether its main memory is a guess, since only its cards are known."""

    @property
    def least_free(self) -> Gpu | None:
        """The card with the least free memory, which limits a plan for all of them."""
        return min(self.gpus, key=lambda gpu: gpu.free_bytes, default=None)

    @property
    def counted_memory_bytes(self) -> int:
        """Free memory of the smallest card, or total main memory without cards, in 0.5 GiB steps.

        Free main memory varies too much: equal answers on one machine must lead to equal plans.
        """
        counted = self.least_free.free_bytes if self.least_free else self.ram_bytes
        return counted // HALF_GIB * HALF_GIB

    def training(self, processes: int) -> "MachineFacts":
        """Return it with the cards only that so many processes train on: the first ones."""
        return replace(self, gpus=self.gpus[:processes])

    def several(self, nodes: int) -> "MachineFacts":
        """Return what several machines like this one have together."""
        return replace(
            self,
            gpus=self.gpus * nodes,
            cpu_cores=self.cpu_cores * nodes,
            ram_bytes=self.ram_bytes * nodes,
            ram_free_bytes=self.ram_free_bytes * nodes,
        )

    def save(self, path: Path) -> None:
        """Write the facts as JSON, the links of cards where they are known.

        Raises OSError, and UsageProblem for a file that has no facts of a machine.
        """
        found = asdict(self)
        if self.links == CardLinks():
            del found["links"]
        if not self.ram_assumed:
            del found["ram_assumed"]
        write_out(path, (json.dumps(found, indent=2) + "\n").encode(), b'"gpus":')
