"""What a machine has: cards, memory and disk, as values that can be saved and read again."""

import json
import re
from dataclasses import MISSING, Field, asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal

from lockfiles import files, limits, text
from lockfiles.errors import UsageProblem
from lockfiles.fixes import Advice, Answer, Option
from lockfiles.harmless import is_harmless

HALF_GIB = 1 << 29
LIMIT_BYTES = 4 * files.MIB
"""The most that the facts of a machine have."""
_AGAIN = (
    Advice("write the facts again on that machine"),
    Option("--machine", to="leave out"),
    Answer("machine.facts", ""),
)


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
        path.write_text(json.dumps(asdict(self), indent=2) + "\n", encoding="utf-8")


def load(path: Path) -> MachineFacts:
    """Read facts that `save` wrote, now or before a field was added.

    Raises UsageProblem for a key or a value that is none of a machine's facts.
    """
    raw = text.read_json_object(path, limit_bytes=LIMIT_BYTES)
    _check(raw, MachineFacts, path)
    if raw["kind"] not in ("cpu", "cuda"):
        raise UsageProblem(f"`kind` in `{path}` must be `cpu` or `cuda`.", fix=_AGAIN)
    if (raw["kind"] == "cuda") != bool(raw["gpus"]):
        raise UsageProblem(
            f"`kind` in `{path}` is `{raw['kind']}`, which does not fit its `gpus`.", fix=_AGAIN
        )
    return MachineFacts(**{**raw, "gpus": tuple(_gpu(gpu, path) for gpu in raw["gpus"])})


def _gpu(raw: Any, path: Path) -> Gpu:
    _check(raw, Gpu, path)
    for holder in raw.get("holders", ()):
        _check(holder, Holder, path)
    return Gpu(**{**raw, "holders": tuple(Holder(**one) for one in raw.get("holders", ()))})


def _check(raw: Any, kind: type[Any], path: Path) -> None:
    known = {field.name: field for field in fields(kind)}
    needed = {name for name, field in known.items() if field.default is MISSING}
    if not isinstance(raw, dict) or not needed <= raw.keys() <= known.keys():
        keys = ", ".join(f"`{name}`" for name in known if name in needed)
        also = ", ".join(f"`{name}`" for name in known if name not in needed)
        tail = f", and may have {also}" if also else ""
        raise UsageProblem(f"`{path}` must have exactly the keys {keys}{tail}.", fix=_AGAIN)
    for name, value in raw.items():
        wanted = _type(known[name])
        if type(value) is not wanted:
            raise UsageProblem(
                f"`{name}` in `{path}` must be of type `{wanted.__name__}`.", fix=_AGAIN
            )
        if problem := _problem(name, value):
            raise UsageProblem(f"`{name}` in `{path}` {problem}.", fix=_AGAIN)


def _problem(name: str, value: Any) -> str | None:
    """Return why a value of the right type is none of a machine's facts, to follow its name."""
    if name == "compute_capability" and not re.match(limits.CAPABILITY, value):
        return "must be such as `9.0` or `gfx942`"
    if isinstance(value, list):
        most = limits.MOST_CARDS if name == "gpus" else limits.MOST_HOLDERS
        return f"has more than {most:,} items" if len(value) > most else None
    if isinstance(value, str):
        most = limits.MOST_SENTENCE_CHARS if name == "problem" else limits.MOST_LABEL_CHARS
        shown = len(value) <= most and is_harmless(value)
        return None if shown else f"must be at most {most:,} characters that can be seen"
    least, most = (1, limits.MOST_THREADS) if name == "cpu_cores" else (0, limits.MOST_BYTES)
    return None if least <= value <= most else f"must be from {least} to {most:,}"


def _type(field: Field[Any]) -> type:
    return list if field.name in ("gpus", "holders") else int if field.type is int else str
