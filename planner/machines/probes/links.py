"""Probes what connects the NVIDIA cards of this machine."""

from collections.abc import Sequence
from contextlib import suppress
from itertools import combinations
from typing import Any

from planner.catalogue.links import GIGA, NVLINK_SHARE, PCIE_SHARE
from planner.machines.facts import CardLinks

_LINK_GB, _LATER_LINK_GB, _LATER = 25, 50, 10
"""GB/s of an NVLink in one direction: of cards before compute capability 10, and from then on
(data sheets of the V100, A100, H100 and B200)."""
_LANE_GB = {1: 0.25, 2: 0.5, 3: 0.985, 4: 1.969, 5: 3.938, 6: 7.563}
"""GB/s of a PCIe lane in one direction, by generation."""


def links(nvml: Any, handles: Sequence[Any]) -> CardLinks:
    """Return what connects some cards; unknown for one, and where the driver does not say."""
    if len(handles) < 2:
        return CardLinks()
    try:
        if all(_linked(nvml, one, other) for one, other in combinations(handles, 2)):
            each = min(_nvlink_gb(nvml, handle) for handle in handles)
            if each:
                return CardLinks("nvlink", NVLINK_SHARE * each * GIGA)
        each = min(_pcie_gb(nvml, handle) for handle in handles)
    except (nvml.NVMLError, KeyError):
        return CardLinks()
    return CardLinks("pcie", PCIE_SHARE * each * GIGA)


def _linked(nvml: Any, one: Any, other: Any) -> bool:
    status = nvml.nvmlDeviceGetP2PStatus(one, other, nvml.NVML_P2P_CAPS_INDEX_NVLINK)
    return bool(status == nvml.NVML_P2P_STATUS_OK)


def _nvlink_gb(nvml: Any, handle: Any) -> float:
    major, _ = nvml.nvmlDeviceGetCudaComputeCapability(handle)
    active = 0
    for link in range(nvml.NVML_NVLINK_MAX_LINKS):
        with suppress(nvml.NVMLError):  # a link that the card does not have
            active += nvml.nvmlDeviceGetNvLinkState(handle, link)
    return active * (_LATER_LINK_GB if major >= _LATER else _LINK_GB)


def _pcie_gb(nvml: Any, handle: Any) -> float:
    generation = nvml.nvmlDeviceGetMaxPcieLinkGeneration(handle)
    return _LANE_GB[generation] * float(nvml.nvmlDeviceGetMaxPcieLinkWidth(handle))
