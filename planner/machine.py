"""What this machine has: cards, memory and disk, read without a training stack."""

import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal

from lockfiles import text
from lockfiles.errors import UsageProblem

HALF_GIB = 1 << 29
_AGAIN = "write the facts again on that machine, or leave `--machine` and `machine.facts` out"


@dataclass(frozen=True)
class Gpu:
    """One card."""

    name: str
    """The name that the driver gives it."""
    memory_bytes: int
    """All of its memory, in bytes."""
    free_bytes: int
    """What is free now, in bytes."""
    compute_capability: str
    """Such as `9.0`."""


@dataclass(frozen=True)
class MachineFacts:
    """One machine, as a plan counts it."""

    kind: Literal["cpu", "cuda"]
    """Where training runs."""
    gpus: tuple[Gpu, ...]
    """The cards, in the driver's order; empty on a CPU machine."""
    cpu_cores: int
    """Cores that this process may use, at least 1."""
    ram_bytes: int
    """Main memory, at most the control group's limit, in bytes."""
    ram_free_bytes: int
    """Main memory free for a new process, in bytes."""
    disk_free_bytes: int
    """Free on the disk that a run writes to, in bytes."""
    driver: str
    """The driver's version; empty without one."""

    @property
    def counted_memory_bytes(self) -> int:
        """Free memory of the smallest card, or all main memory without one, in 0.5 GiB steps.

        What is free of main memory changes from minute to minute, and equal answers on one
        machine must lead to equal plans.
        """
        counted = min((g.free_bytes for g in self.gpus), default=self.ram_bytes)
        return counted // HALF_GIB * HALF_GIB

    def save(self, path: Path) -> None:
        """Write the facts as JSON."""
        path.write_text(json.dumps(asdict(self), indent=2) + "\n", encoding="utf-8")


def load(path: Path) -> MachineFacts:
    """Read facts that `save` wrote."""
    raw = text.read_json_object(path)
    _check(raw, MachineFacts, path)
    for gpu in raw["gpus"]:
        _check(gpu, Gpu, path)
    if raw["kind"] not in ("cpu", "cuda"):
        raise UsageProblem(f"`kind` in `{path}` must be `cpu` or `cuda`.", hint=_AGAIN)
    return MachineFacts(**{**raw, "gpus": tuple(Gpu(**gpu) for gpu in raw["gpus"])})


def _check(raw: Any, kind: type[Any], path: Path) -> None:
    names = [f.name for f in fields(kind)]
    if not isinstance(raw, dict) or sorted(raw) != sorted(names):
        keys = ", ".join(f"`{name}`" for name in names)
        raise UsageProblem(f"`{path}` must have exactly the keys {keys}.", hint=_AGAIN)
    for field in fields(kind):
        wanted: type = list if field.name == "gpus" else int if field.type is int else str
        if type(raw[field.name]) is not wanted:
            raise UsageProblem(
                f"`{field.name}` in `{path}` must be of type `{wanted.__name__}`.", hint=_AGAIN
            )


def probe(disk: Path) -> MachineFacts:
    """Read this machine; without a driver it has no cards."""
    gpus, driver = _cards()
    total, free = _ram()
    cores = len(os.sched_getaffinity(0))
    kind: Literal["cpu", "cuda"] = "cuda" if gpus else "cpu"
    return MachineFacts(kind, gpus, cores, total, free, shutil.disk_usage(disk).free, driver)


def _cards() -> tuple[tuple[Gpu, ...], str]:
    try:
        import pynvml as n

        n.nvmlInit()
    except Exception:  # no library or no driver: no cards
        return (), ""
    gpus = []
    handles = [n.nvmlDeviceGetHandleByIndex(index) for index in range(n.nvmlDeviceGetCount())]
    uuids = [str(n.nvmlDeviceGetUUID(card)) for card in handles]
    for index in visible(uuids, os.environ.get("CUDA_VISIBLE_DEVICES")):
        card = handles[index]
        memory = n.nvmlDeviceGetMemoryInfo(card)
        major, minor = n.nvmlDeviceGetCudaComputeCapability(card)
        name = n.nvmlDeviceGetName(card)
        gpus.append(Gpu(name, int(memory.total), int(memory.free), f"{major}.{minor}"))
    return tuple(gpus), str(n.nvmlSystemGetDriverVersion())


def visible(uuids: Sequence[str], chosen: str | None) -> list[int]:
    """Return the cards that CUDA shows to a process, by their place in the driver's list.

    `chosen` is `CUDA_VISIBLE_DEVICES`: numbers or beginnings of UUIDs, of which CUDA takes those
    before the first that is no card. Source: the CUDA programming guide.
    """
    if chosen is None:
        return list(range(len(uuids)))
    found: list[int] = []
    for word in (part.strip() for part in chosen.split(",")):
        if word.isdigit():
            places = [int(word)] if int(word) < len(uuids) else []
        else:
            places = [n for n, uuid in enumerate(uuids) if word and uuid.startswith(word)]
        if not places:
            break
        found.append(places[0])
    return found


def _ram() -> tuple[int, int]:
    lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    kib = {line.split(":")[0]: int(line.split()[1]) for line in lines}
    total, free = kib["MemTotal"] * 1024, kib["MemAvailable"] * 1024
    limit, used = Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory.current")
    if limit.exists() and used.exists() and (text := limit.read_text().strip()) != "max":
        total = min(total, int(text))
        free = min(free, max(0, total - int(used.read_text())))
    return total, free
