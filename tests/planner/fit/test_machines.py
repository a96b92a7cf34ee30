"""The machines of `fit`: cards by name, by size and by instance of a cloud."""

import re
from dataclasses import replace

import pytest

from lockfiles.errors import UsageProblem
from lockfiles.fixes import Option
from lockfiles.limits import CAPABILITY
from planner.catalogue.instances import instances
from planner.catalogue.lookup import accelerators, find_accelerator
from planner.fit import machines
from planner.machines.occupancy import taken
from planner.search.budget import CUDA_CONTEXT_BYTES, CUDA_RESERVE, budget

GIB = 1 << 30


def test_cards_by_name_and_by_size() -> None:
    several = machines.named("RTX 4090:4")
    assert len(several.gpus) == 4 and several.kind == "cuda"
    assert "4090" in several.gpus[0].name
    assert machines.sized(24).counted_memory_bytes == 23 * GIB
    assert machines.sized(24, all_free=True).counted_memory_bytes == 24 * GIB
    assert machines.chosen(None, 12).counted_memory_bytes == 11.5 * GIB
    assert machines.chosen("H200", None).gpus[0].name == find_accelerator("H200").name
    assert machines.chosen(None, None).cpu_cores >= 1


@pytest.mark.parametrize(
    ("name", "gib"), [("T4", 14.5), ("A100 80GB", 79.0), ("RTX 4090:2", 23.5), ("GB10", 107.5)]
)
def test_a_card_by_name_counts_what_a_process_gets_of_it(name: str, gib: float) -> None:
    found = machines.named(name)
    card = find_accelerator(name.partition(":")[0])
    assert {gpu.free_bytes for gpu in found.gpus} == {card.usable_bytes}
    assert found.counted_memory_bytes == gib * GIB
    context, reserve = CUDA_CONTEXT_BYTES, 1 + CUDA_RESERVE
    assert budget(found) == int((gib * GIB - context) / reserve)
    assert all(not taken(gpu) for gpu in found.gpus)


def test_no_card_by_name_is_called_busy() -> None:
    for card in accelerators():
        (gpu,) = machines.cards(card, 1).gpus
        assert taken(gpu) == ""
        assert gpu.vendor == card.vendor
        assert re.match(CAPABILITY, gpu.compute_capability)


def test_an_apple_chip_has_what_metal_recommends_of_its_memory() -> None:
    chip = find_accelerator("M3 Max")
    (gpu,) = machines.named("M3 Max").gpus
    assert gpu.memory_bytes == gpu.free_bytes == chip.memory_bytes * 3 // 4


@pytest.mark.parametrize("name", ["M3 Max", "GB10", "RTX 4090 Laptop", "Jetson AGX Orin 64GB"])
def test_of_a_card_that_is_built_in_there_is_one(name: str) -> None:
    with pytest.raises(UsageProblem, match="so there is only one"):
        machines.named(f"{name}:2")


@pytest.mark.parametrize(
    ("name", "cards"),
    [
        ("p5.48xlarge", "H100 SXM:8"),
        ("ml.g5.12xlarge", "A10G:4"),
        ("a2-ultragpu-2g", "A100 80GB:2"),
        ("Standard_NC24ads_A100_v4", "A100 80GB PCIe:1"),
        ("ND96isr_H200_v5", "H200:8"),
        ("gpu_1x_gh200", "GH200 96GB:1"),
        ("8x H100", "H100 SXM:8"),
    ],
)
def test_an_instance_of_a_cloud_is_offered_its_cards(name: str, cards: str) -> None:
    with pytest.raises(UsageProblem) as caught:
        machines.named(name)
    assert caught.value.fix == (Option("--gpu {}", cards, to="use"),)
    assert len(machines.named(cards).gpus) == int(cards.partition(":")[2])


def test_the_cards_of_every_instance_are_known() -> None:
    found = instances()
    assert len(found) >= 100
    for name, instance in found.items():
        assert find_accelerator(instance.card).name == instance.card
        assert 1 <= instance.count <= 16
        with pytest.raises(UsageProblem):
            find_accelerator(name)


@pytest.mark.parametrize("name", ["RTX 4909", "RTX 4090:0", "RTX 4090:x", "RTX 4090:"])
def test_a_card_that_is_none_is_a_sentence(name: str) -> None:
    with pytest.raises(UsageProblem) as caught:
        machines.named(name)
    assert caught.value.hint
    if ":" not in name:
        assert "RTX 4090" in caught.value.message + caught.value.hint


def test_several_machines_are_counted_together() -> None:
    one, four = (machines.chosen("H100 SXM:8", None, nodes, 400) for nodes in (1, 4))
    assert len(four.gpus) == 32 and four.ram_bytes == 4 * one.ram_bytes > 0
    assert one.links.network_bytes_per_second == 0
    assert four.links.network_bytes_per_second == 5e10


@pytest.mark.parametrize(
    ("gpu", "nodes", "said"),
    [(None, 2, "`--nodes` is for machines with GPUs"), ("H100 SXM:8", 200, "1,600 cards")],
)
def test_machines_that_cannot_train_together_are_refused(
    monkeypatch: pytest.MonkeyPatch, gpu: str | None, nodes: int, said: str
) -> None:
    monkeypatch.setattr(machines, "probe", lambda _: replace(machines.named("T4"), gpus=()))
    with pytest.raises(UsageProblem, match=re.escape(said)) as refused:
        machines.chosen(gpu, None, nodes)
    assert refused.value.hint
