"""Machines that are not here, from files: what their kernel, commands and NVML answer."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pynvml

from planner.machines.facts import MachineFacts
from planner.machines.probes.host import Host
from planner.machines.probes.probe import probe

_MACHINES = Path(__file__).with_name("saved")
_MEMINFO = "MemTotal: 131072 kB\nMemFree: 1 kB\nMemAvailable: 65536 kB\n"


@dataclass(frozen=True)
class Nvml:
    """NVML's functions over tables of cards; a handle is a card's or a slice's table."""

    cards: list[dict[str, Any]]
    """Each with `name`, `uuid`, `capability`, `total`, `free`; perhaps `slices`, `processes`,
    `linked` (uuids), `nvlinks`, `pcie` (generation and lanes), and `errors`, the code that a
    function raises for it."""
    errors: Mapping[str, int]
    """The code that a function without a card raises."""

    def __getattr__(self, name: str) -> Any:
        assert name.startswith("NVML"), f"{name} is not recorded"
        return getattr(pynvml, name)

    def _fail(self, function: str, errors: Mapping[str, int]) -> None:
        if function in errors:
            raise pynvml.NVMLError(errors[function])

    def _told(self, function: str, handle: dict[str, Any], key: str) -> Any:
        self._fail(function, handle.get("errors", {}))
        return handle[key]

    def nvmlInit(self) -> None:
        self._fail("nvmlInit", self.errors)

    def nvmlShutdown(self) -> None: ...

    def nvmlSystemGetDriverVersion(self) -> str:
        return "570.124.06"

    def nvmlDeviceGetCount(self) -> int:
        self._fail("nvmlDeviceGetCount", self.errors)
        return len(self.cards)

    def nvmlDeviceGetHandleByIndex(self, index: int) -> dict[str, Any]:
        self._fail("nvmlDeviceGetHandleByIndex", self.cards[index].get("errors", {}))
        return self.cards[index]

    def nvmlDeviceGetUUID(self, handle: dict[str, Any]) -> str:
        return str(self._told("nvmlDeviceGetUUID", handle, "uuid"))

    def nvmlDeviceGetName(self, handle: dict[str, Any]) -> str:
        return str(self._told("nvmlDeviceGetName", handle, "name"))

    def nvmlDeviceGetCudaComputeCapability(self, handle: dict[str, Any]) -> list[int]:
        return list(self._told("nvmlDeviceGetCudaComputeCapability", handle, "capability"))

    def nvmlDeviceGetMemoryInfo(self, handle: dict[str, Any]) -> SimpleNamespace:
        total = self._told("nvmlDeviceGetMemoryInfo", handle, "total")
        return SimpleNamespace(total=total, free=handle["free"])

    def nvmlDeviceGetMigMode(self, handle: dict[str, Any]) -> list[int]:
        if "slices" not in handle:
            raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_SUPPORTED)
        return [pynvml.NVML_DEVICE_MIG_ENABLE, pynvml.NVML_DEVICE_MIG_ENABLE]

    def nvmlDeviceGetMaxMigDeviceCount(self, handle: dict[str, Any]) -> int:
        return 7

    def nvmlDeviceGetMigDeviceHandleByIndex(
        self, handle: dict[str, Any], index: int
    ) -> dict[str, Any]:
        if index >= len(handle["slices"]):
            raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_FOUND)
        part: dict[str, Any] = handle["slices"][index]
        return part

    def nvmlDeviceGetP2PStatus(self, one: dict[str, Any], other: dict[str, Any], at: int) -> int:
        assert at == pynvml.NVML_P2P_CAPS_INDEX_NVLINK
        linked = other["uuid"] in self._told("nvmlDeviceGetP2PStatus", one, "linked")
        return int(pynvml.NVML_P2P_STATUS_OK if linked else pynvml.NVML_P2P_STATUS_NOT_SUPPORTED)

    def nvmlDeviceGetNvLinkState(self, handle: dict[str, Any], link: int) -> int:
        if link >= handle["nvlinks"]:
            raise pynvml.NVMLError(pynvml.NVML_ERROR_INVALID_ARGUMENT)
        return int(pynvml.NVML_FEATURE_ENABLED)

    def nvmlDeviceGetMaxPcieLinkGeneration(self, handle: dict[str, Any]) -> int:
        return int(handle["pcie"][0])

    def nvmlDeviceGetMaxPcieLinkWidth(self, handle: dict[str, Any]) -> int:
        return int(handle["pcie"][1])

    def nvmlDeviceGetComputeRunningProcesses(self, handle: dict[str, Any]) -> list[Any]:
        self._fail("nvmlDeviceGetComputeRunningProcesses", handle.get("errors", {}))
        return [
            SimpleNamespace(pid=one["pid"], usedGpuMemory=one.get("bytes"))
            for one in handle.get("processes", ())
        ]

    def nvmlDeviceGetGraphicsRunningProcesses(self, handle: dict[str, Any]) -> list[Any]:
        return []

    def nvmlSystemGetProcessName(self, pid: int) -> str:
        for card in self.cards:
            for one in (*card.get("processes", ()),):
                if one["pid"] == pid and "name" in one:
                    return str(one["name"])
        raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_FOUND)


def host(folder: Path, name: str = "", **changed: Any) -> Host:
    """Return a machine of `machines/`, its files written below `folder`.

    `changed` replaces tables of its file: `files`, `environment`, `commands`, `nvml`.
    """
    path = _MACHINES / f"{name}.toml"
    table = (tomllib.loads(path.read_text(encoding="utf-8")) if name else {}) | changed
    for at, text in ({"proc/meminfo": _MEMINFO} | table.get("files", {})).items():
        (folder / at).parent.mkdir(parents=True, exist_ok=True)
        (folder / at).write_text(text, encoding="utf-8")
    commands = table.get("commands", {})
    nvml = table.get("nvml", {"errors": {"nvmlInit": pynvml.NVML_ERROR_LIBRARY_NOT_FOUND}})
    return Host(
        root=folder,
        environment=table.get("environment", {}),
        system=table.get("system", "linux"),
        cores=table.get("cores", 64),
        command=lambda *words: str(commands.get(" ".join(words), "")),
        nvml=lambda: Nvml(nvml.get("cards", []), nvml.get("errors", {})),
    )


def facts(folder: Path, name: str = "", **changed: Any) -> MachineFacts:
    """Return what the probes find on such a machine."""
    return probe(folder, host(folder, name, **changed))
