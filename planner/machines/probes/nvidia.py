"""Probes NVIDIA cards and their MIG slices as CUDA presents them, with NVML."""

from contextlib import suppress
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from planner.machines.facts import Gpu, Holder
from planner.machines.probes import memory
from planner.machines.probes.found import Found
from planner.machines.probes.host import Host
from planner.machines.probes.links import links
from planner.machines.probes.visible import visible

_VENDOR, _DISPLAY = 0x10DE, 0x03
"""NVIDIA's PCI vendor id, and the PCI class of display controllers."""


@dataclass(frozen=True)
class _Card:
    """One card in the driver's list."""

    handle: Any
    """The NVML handle."""
    uuid: str
    """Such as `GPU-8932f937-…`."""
    slices: tuple[Any, ...] | None
    """Handles of its MIG slices; None if it is not in MIG mode."""


def cards(host: Host) -> Found:
    """Return the cards or the slice visible to CUDA, or the problem that prevents it."""
    nvml = host.nvml()
    try:
        nvml.nvmlInit()
    except nvml.NVMLError as error:
        return Found(problem=_silent(host, nvml, error))
    try:
        return _read(host, nvml)
    except nvml.NVMLError as error:
        return Found(problem=f"The NVIDIA driver does not answer: {error}.")
    finally:
        nvml.nvmlShutdown()


def _read(host: Host, nvml: Any) -> Found:
    listed, problems = _listed(nvml)
    gpus = []
    shown = []
    for handle, card in _shown(host, nvml, listed):
        try:
            gpus.append(_gpu(host, nvml, handle, card))
            shown.append(handle)
        except nvml.NVMLError as error:
            problems.append(f"The NVIDIA driver does not describe `{card.uuid}`: {error}.")
    if not gpus:
        problems += [
            f"`{card.uuid}` is in MIG mode but has no slice: `sudo nvidia-smi mig -lgip` lists the "
            "profiles that `-cgi … -C` can create."
            for card in listed
            if card.slices == ()
        ]
    driver = str(nvml.nvmlSystemGetDriverVersion())
    return Found(tuple(gpus), driver, " ".join(problems), links(nvml, shown))


def _silent(host: Host, nvml: Any, error: Any) -> str:
    """Return why NVML does not start; empty on a machine without an NVIDIA card."""
    absent = {
        nvml.NVML_ERROR_LIBRARY_NOT_FOUND: "There is an NVIDIA card, but no driver library: "
        "install the driver, or start the container with GPU access.",
        nvml.NVML_ERROR_DRIVER_NOT_LOADED: "There is an NVIDIA card, but its driver is not "
        "loaded: restart this machine, or reinstall the driver.",
    }
    if error.value in absent:
        return absent[error.value] if _on_the_bus(host) else ""
    sentences = {
        nvml.NVML_ERROR_LIB_RM_VERSION_MISMATCH: "The NVIDIA driver and its library have "
        "different versions, as after an update: restart this machine.",
        nvml.NVML_ERROR_NO_PERMISSION: "This user has no access to the NVIDIA driver: "
        "`/dev/nvidiactl` must be readable and writable.",
    }
    return sentences.get(error.value, f"The NVIDIA driver does not answer: {error}.")


def _on_the_bus(host: Host) -> bool:
    for device in (host.root / "sys/bus/pci/devices").glob("*"):
        at = str(device.relative_to(host.root))
        if host.number(f"{at}/vendor") == _VENDOR and host.number(f"{at}/class") >> 16 == _DISPLAY:
            return True
    return False


def _shown(host: Host, nvml: Any, listed: list[_Card]) -> list[tuple[Any, _Card]]:
    """Return the handle and card of each device that is visible to CUDA.

    CUDA uses only the first slice, and no full cards besides it; a card in MIG mode without slices
    cannot compute. Source: the MIG user guide, "CUDA device enumeration".
    """
    chosen = host.environment.get("CUDA_VISIBLE_DEVICES")
    slices = [(part, card) for card in listed for part in card.slices or ()]
    if chosen and chosen.strip().startswith("MIG-"):
        uuids = [str(nvml.nvmlDeviceGetUUID(part)) for part, _ in slices]
        return [slices[at] for at in visible(uuids, chosen)][:1]
    picked = [listed[at] for at in visible([card.uuid for card in listed], chosen)]
    slices = [(part, card) for part, card in slices if card in picked]
    slices.sort(key=lambda pair: picked.index(pair[1]))
    return slices[:1] or [(card.handle, card) for card in picked if card.slices is None]


def _listed(nvml: Any) -> tuple[list[_Card], list[str]]:
    """Return the accessible cards (CUDA ignores others), and the problems of the others."""
    found, closed = [], []
    for index in range(nvml.nvmlDeviceGetCount()):
        try:
            handle = nvml.nvmlDeviceGetHandleByIndex(index)
            uuid = str(nvml.nvmlDeviceGetUUID(handle))
            found.append(_Card(handle, uuid, _slices(nvml, handle)))
        except nvml.NVMLError as error:
            closed.append(f"The NVIDIA card {index} cannot be opened: {error}.")
    return found, closed


def _slices(nvml: Any, handle: Any) -> tuple[Any, ...] | None:
    try:
        mode, _ = nvml.nvmlDeviceGetMigMode(handle)
    except nvml.NVMLError:  # a card that cannot be sliced
        return None
    if mode != nvml.NVML_DEVICE_MIG_ENABLE:
        return None
    found = []
    for index in range(nvml.nvmlDeviceGetMaxMigDeviceCount(handle)):
        with suppress(nvml.NVMLError):  # no slice at this index, or that of another container
            found.append(nvml.nvmlDeviceGetMigDeviceHandleByIndex(handle, index))
    return tuple(found)


def _gpu(host: Host, nvml: Any, handle: Any, card: _Card) -> Gpu:
    total, free = _memory(host, nvml, handle)
    major, minor = nvml.nvmlDeviceGetCudaComputeCapability(card.handle)
    name = str(nvml.nvmlDeviceGetName(card.handle))
    if handle is not card.handle:
        name = _slice_name(nvml, handle, name)
    return Gpu(name, total, free, f"{major}.{minor}", _holders(nvml, handle))


def _slice_name(nvml: Any, handle: Any, card: str) -> str:
    """Return a slice's name, such as `NVIDIA A100-SXM4-40GB MIG 1g.5gb`, never that of its card."""
    with suppress(nvml.NVMLError):
        name = str(nvml.nvmlDeviceGetName(handle))
        if name != card:
            return name
    return f"{card} MIG slice"


def _memory(host: Host, nvml: Any, handle: Any) -> tuple[int, int]:
    """Return total and free memory; that of main memory if card and processor share it.

    For such chips (GB10 of the DGX Spark, Jetson), NVML reports no memory. The driver allocates
    their memory from main memory, outside control groups.
    """
    try:
        found = nvml.nvmlDeviceGetMemoryInfo(handle)
    except nvml.NVMLError as error:
        if error.value != nvml.NVML_ERROR_NOT_SUPPORTED:
            raise
        return memory.installed(host)
    return (int(found.total), int(found.free)) if found.total else memory.installed(host)


def _holders(nvml: Any, handle: Any) -> tuple[Holder, ...]:
    """Return the processes on a card, largest first, as far as the driver reports them."""
    taken: dict[int, int] = {}
    ask = (nvml.nvmlDeviceGetComputeRunningProcesses, nvml.nvmlDeviceGetGraphicsRunningProcesses)
    for processes in ask:
        with suppress(nvml.NVMLError, nvml.NVMLLibraryMismatchError):
            for one in processes(handle):
                taken[one.pid] = max(taken.get(one.pid, 0), one.usedGpuMemory or 0)
    largest = sorted(taken.items(), key=lambda item: (-item[1], item[0]))
    return tuple(Holder(pid, _program(nvml, pid), size) for pid, size in largest)


def _program(nvml: Any, pid: int) -> str:
    try:
        return PurePath(str(nvml.nvmlSystemGetProcessName(pid)).split(" ")[0]).name
    except nvml.NVMLError:  # another user's, or outside this container
        return ""
