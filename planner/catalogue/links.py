"""What data takes between the cards of a host and between hosts, where nothing was measured.

NVLink: bytes per second in one direction of each card, from the data sheets of the V100, A100,
H100, H200, B200 and B300, and of the MI300 series (Infinity Fabric, seven links). PCIe: the rate of
16 lanes of the generation that cards of a compute capability have.
"""

from collections.abc import Mapping
from dataclasses import dataclass

NVLINK_SHARE = 0.75
"""Share of NVLink's rate that large collectives reach; a rough figure, for no run measured it."""
PCIE_SHARE = 0.5
"""The same of PCIe, by which cards exchange data through main memory."""
COLLECTIVE_SECONDS = 3e-5
"""Time until a collective starts to transfer."""
NETWORK_SECONDS = 1e-4
"""The same between hosts."""
NETWORK_BYTES_PER_SECOND = 12.5e9
"""Of each host's network where it is not given: 100 Gbit/s."""
GIGA = 1e9
_NVLINK: Mapping[str, float] = {
    "V100 16GB": 150, "V100 32GB": 150, "A100 40GB": 300, "A100 80GB": 300, "A800 80GB": 200,
    "H20": 450, "H100 SXM": 450, "H100 NVL": 300, "H800": 200, "H200": 450, "H200 NVL": 450,
    "B200": 900, "GB200": 900, "B300": 900, "GB300": 900, "MI300X": 448, "MI325X": 448,
}  # fmt: skip
_PCIE: tuple[tuple[float, float], ...] = ((9.0, 63.0), (8.0, 31.5), (0.0, 15.75))
"""GB/s from each compute capability on."""


@dataclass(frozen=True)
class Links:
    """How fast cards exchange data."""

    card_bytes_per_second: float = 0.0
    """What each card of a host sends in collectives; 0 where it is unknown."""
    host_bytes_per_second: float = 0.0
    """What each host sends to others; 0 where it is unknown."""
    nodes: int = 1
    """Hosts that train together."""

    @property
    def known(self) -> bool:
        """Whether times can be estimated."""
        between = self.nodes == 1 or self.host_bytes_per_second > 0
        return self.card_bytes_per_second > 0 and between

    def seconds(self, sent_bytes: float, collectives: int = 0) -> float:
        """Return the time of collectives in which each card sends so much.

        In a ring, each card sends to the next one, and of each host one sends to the next host: so
        a host sends as much as a card.
        """
        if self.nodes == 1:
            return sent_bytes / self.card_bytes_per_second + COLLECTIVE_SECONDS * collectives
        rate = min(self.card_bytes_per_second, self.host_bytes_per_second)
        return sent_bytes / rate + NETWORK_SECONDS * collectives


def nvlink(card_name: str) -> bool:
    """Return whether a card of the catalogue has NVLink, or AMD's like of it."""
    return card_name in _NVLINK


def links_of(card_name: str, compute_capability: str) -> Links:
    """Return the links of a card of the catalogue, as built into the usual servers."""
    if found := _NVLINK.get(card_name):
        return Links(NVLINK_SHARE * found * GIGA, NETWORK_BYTES_PER_SECOND)
    major = compute_capability if compute_capability[:1].isdecimal() else "8.0"
    rate = next(rate for least, rate in _PCIE if float(major) >= least)
    return Links(PCIE_SHARE * rate * GIGA, NETWORK_BYTES_PER_SECOND)
