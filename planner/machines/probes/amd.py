"""Probes AMD cards as ROCm presents them, from the kernel's files, without a library.

Sources: the kernel's `gpu/amdgpu/driver-misc.rst` for a card's memory and names, and its compute
driver's topology below `/sys/class/kfd`, whose order is ROCm's.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass

from lockfiles.errors import UsageProblem
from planner.catalogue.lookup import accelerators, find_accelerator
from planner.machines.facts import Gpu, Holder
from planner.machines.probes.found import Found
from planner.machines.probes.host import Host, whole
from planner.machines.probes.visible import visible

_TOPOLOGY = "sys/class/kfd/kfd/topology/nodes"
_PROCESSES = "sys/class/kfd/kfd/proc"
_IDS = ("usr/share/libdrm/amdgpu.ids", "opt/amdgpu/share/libdrm/amdgpu.ids")
"""Tables of names by PCI device and revision, installed with libdrm and with ROCm."""
_LEAST_BYTES = 4 << 30
"""Devices with less memory are integrated graphics and are ignored."""
_SIZES_APART = 0.05
"""Largest deviation of a card's memory from its catalogue entry, as a share."""
_CARD_HEAPS = (1, 2)
"""Types of memory banks on a card, up to `HSA_HEAPTYPE_FRAME_BUFFER_PRIVATE`."""


@dataclass(frozen=True)
class _Node:
    """One device of the compute driver's topology."""

    folder: str
    """Its folder in the topology."""
    gpu_id: str
    """The compute driver's id for it."""
    properties: Mapping[str, int]
    """Its properties, such as `gfx_target_version`."""

    @property
    def uuid(self) -> str:
        """ROCm's name of the card, such as `GPU-4b2c1a9f8d3e6f7a`."""
        return f"GPU-{self.properties.get('unique_id', 0):016x}"

    @property
    def device(self) -> str:
        """The folder of the graphics driver's files."""
        return f"sys/class/drm/renderD{self.properties.get('drm_render_minor', 0)}/device"

    @property
    def target(self) -> str:
        """The instruction set, such as `gfx942` for `90402`: a digit each for minor and step."""
        version = self.properties.get("gfx_target_version", 0)
        return f"gfx{version // 10000}{version // 100 % 100:x}{version % 100:x}"


def cards(host: Host) -> Found:
    """Return the cards that are visible to HIP, or the problem that prevents it."""
    nodes = [node for folder in host.folders(_TOPOLOGY) if (node := _node(host, folder))]
    gpus = tuple(_gpu(host, node) for node in _shown(host, nodes))
    gpus = tuple(gpu for gpu in gpus if gpu.memory_bytes >= _LEAST_BYTES)
    if not gpus:
        return Found()
    if problem := _closed(host):
        return Found(problem=problem)
    return Found(gpus, f"amdgpu {host.read('sys/module/amdgpu/version')}".strip())


def _node(host: Host, folder: str) -> _Node | None:
    """Return a card; None for a processor, and for a card outside the container."""
    gpu_id = host.read(f"{folder}/gpu_id")
    properties = _table(host.read(f"{folder}/properties"))
    usable = gpu_id not in ("", "0") and properties.get("simd_count", 0) > 0
    return _Node(folder, gpu_id, properties) if usable else None


def _shown(host: Host, nodes: list[_Node]) -> list[_Node]:
    """Return the cards that remain after the variables of the runtime and of HIP."""
    chosen = host.environment.get
    for words in (
        chosen("ROCR_VISIBLE_DEVICES"),
        chosen("HIP_VISIBLE_DEVICES", chosen("CUDA_VISIBLE_DEVICES")),
    ):
        nodes = [nodes[at] for at in visible([node.uuid for node in nodes], words)]
    return nodes


def _closed(host: Host) -> str:
    """Return why this process cannot use the cards; empty if it can."""
    device = host.root / "dev/kfd"
    if not device.exists():
        return (
            "There is an AMD card, but no `/dev/kfd`: start the container with "
            "`--device /dev/kfd --device /dev/dri`."
        )
    if not os.access(device, os.R_OK | os.W_OK):
        return (
            "This user has no access to `/dev/kfd`, which AMD cards need: "
            "`sudo usermod -aG render,video $USER`, then log in again."
        )
    return ""


def _gpu(host: Host, node: _Node) -> Gpu:
    total = host.number(f"{node.device}/mem_info_vram_total") or _banks(host, node)
    free = max(0, total - host.number(f"{node.device}/mem_info_vram_used"))
    return Gpu(_name(host, node, total), total, free, node.target, _holders(host, node))


def _banks(host: Host, node: _Node) -> int:
    """Return the memory of a partition of a card, from the topology, in bytes."""
    banks = [
        _table(host.read(f"{at}/properties")) for at in host.folders(f"{node.folder}/mem_banks")
    ]
    return sum(
        bank.get("size_in_bytes", 0) for bank in banks if bank.get("heap_type") in _CARD_HEAPS
    )


def _name(host: Host, node: _Node, total: int) -> str:
    """Return the name of a card in the catalogue, or the driver's name."""
    told = [
        name for name in (host.read(f"{node.device}/product_name"), _listed(host, node)) if name
    ]
    for name in told:
        try:
            return find_accelerator(name).name
        except UsageProblem:
            continue
    alike = [
        card.name
        for card in accelerators()
        if card.compute_capability == node.target
        and abs(card.memory_bytes - total) < _SIZES_APART * card.memory_bytes
    ]
    return alike[0] if len(alike) == 1 else (*told, f"AMD {node.target}")[0]


def _listed(host: Host, node: _Node) -> str:
    """Return a card's name by its PCI ids; empty if no table has it."""
    wanted = [host.number(f"{node.device}/{part}") for part in ("device", "revision")]
    for path in _IDS:
        for line in host.read(path).splitlines():
            cells = [cell.strip() for cell in line.split(",", 2)]
            if len(cells) == 3 and [whole(f"0x{cell}") for cell in cells[:2]] == wanted:
                return cells[2]
    return ""


def _holders(host: Host, node: _Node) -> tuple[Holder, ...]:
    """Return the processes that use a card's memory, largest first."""
    holders = []
    for folder in host.folders(_PROCESSES):
        if held := host.number(f"{folder}/vram_{node.gpu_id}"):
            pid = int(folder.rpartition("/")[2])
            holders.append(Holder(pid, host.read(f"proc/{pid}/comm"), held))
    return tuple(sorted(holders, key=lambda holder: -holder.memory_bytes))


def _table(text: str) -> dict[str, int]:
    """Return a table of names and numbers."""
    rows = [line.split() for line in text.splitlines()]
    return {row[0]: whole(row[1]) for row in rows if len(row) == 2}
