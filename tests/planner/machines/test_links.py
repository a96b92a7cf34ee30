"""What connects cards: NVLink between all of them, or PCIe."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pynvml
import pytest

from planner.catalogue.links import Links, links_of
from planner.catalogue.lookup import find_accelerator
from planner.machines.facts import CardLinks, MachineFacts
from planner.machines.saved import load
from planner.speed.host import accelerator, linked
from tests.planner.machines import recorded

GIB = 1 << 30


def _card(number: int, count: int, **changed: Any) -> dict[str, Any]:
    own = {
        "name": "NVIDIA H100 80GB HBM3", "uuid": f"GPU-{number}", "capability": [9, 0],
        "total": 80 * GIB, "free": 79 * GIB, "linked": [f"GPU-{n}" for n in range(count)],
        "nvlinks": 18, "pcie": [5, 16],
    }  # fmt: skip
    return own | changed


def _facts(folder: Path, count: int, **changed: Any) -> MachineFacts:
    cards = [_card(number, count, **changed) for number in range(count)]
    return recorded.facts(folder, "", nvml={"cards": cards})


@pytest.mark.parametrize(
    ("count", "changed", "kind", "rate"),
    [
        (2, {}, "nvlink", 0.75 * 450e9),
        (8, {"capability": [10, 0]}, "nvlink", 0.75 * 900e9),
        (2, {"linked": []}, "pcie", 0.5 * 16 * 3.938e9),
        (2, {"linked": [], "pcie": [4, 8]}, "pcie", 0.5 * 8 * 1.969e9),
        (3, {"linked": ["GPU-0", "GPU-1"]}, "pcie", 0.5 * 16 * 3.938e9),
        (1, {}, "", 0.0),
        (2, {"linked": [], "pcie": [9, 16]}, "", 0.0),
        (2, {"errors": {"nvmlDeviceGetP2PStatus": pynvml.NVML_ERROR_NOT_SUPPORTED}}, "", 0.0),
    ],
)
def test_links_are_probed(
    tmp_path: Path, count: int, changed: dict[str, Any], kind: str, rate: float
) -> None:
    found = _facts(tmp_path, count, **changed)
    assert len(found.gpus) == count
    assert found.links == CardLinks(kind, pytest.approx(rate))  # type: ignore[arg-type]


def test_links_are_saved_and_read(tmp_path: Path) -> None:
    found = _facts(tmp_path, 2)
    given = replace(found, links=replace(found.links, network_bytes_per_second=5e10))
    for number, one in enumerate((given, replace(found, links=CardLinks()))):
        path = tmp_path / f"{number}.json"
        one.save(path)
        assert load(path) == one
    assert "links" not in (tmp_path / "1.json").read_text()


def test_what_a_machine_says_is_preferred_to_what_is_usual(tmp_path: Path) -> None:
    usual = find_accelerator("H100 SXM").links
    assert usual == Links(0.75 * 450e9, 12.5e9)
    assert linked(usual, CardLinks("pcie", 3e10, 5e10), 2) == Links(3e10, 5e10, 2)
    found = accelerator(_facts(tmp_path, 2, linked=[]), nodes=4)
    assert found and found.links.nodes == 4
    assert found.links.card_bytes_per_second == pytest.approx(0.5 * 16 * 3.938e9)


def test_cards_without_nvlink_exchange_over_pcie() -> None:
    assert links_of("RTX 4090", "8.9").card_bytes_per_second == 0.5 * 31.5e9
    assert links_of("T4", "7.5").card_bytes_per_second == 0.5 * 15.75e9
    assert links_of("MI300X", "gfx942").card_bytes_per_second == 0.75 * 448e9


def test_a_host_sends_as_much_as_a_card() -> None:
    within, between = Links(4e11, 5e10), Links(4e11, 5e10, 2)
    assert within.seconds(4e11) == 1.0
    assert between.seconds(5e10) == 1.0
    assert replace(between, host_bytes_per_second=8e11).seconds(4e11) == 1.0
    assert between.seconds(0, 10) > within.seconds(0, 10) > 0
