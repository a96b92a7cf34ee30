"""Names of cards as drivers, clouds and people write them: the card, or what is offered instead."""

from contextlib import suppress

import pytest

from lockfiles.errors import UsageProblem
from lockfiles.fixes import Option
from planner.catalogue.lookup import accelerators, find_accelerator

_WRITTEN = """
nvidia-smi, torch.cuda.get_device_name
Tesla P100-PCIE-16GB = P100 16GB
Tesla P100-PCIE-12GB = P100 12GB
Tesla P40 = P40
NVIDIA TITAN Xp = TITAN Xp
NVIDIA GeForce GTX 1080 Ti = GTX 1080 Ti
Tesla V100-SXM2-16GB = V100 16GB
Tesla V100-SXM2-32GB = V100 32GB
Tesla V100S-PCIE-32GB = V100S
NVIDIA TITAN V = TITAN V
NVIDIA GeForce RTX 2060 SUPER = RTX 2060 SUPER
NVIDIA GeForce RTX 2080 SUPER = RTX 2080 SUPER
NVIDIA GeForce RTX 2080 Ti = RTX 2080 Ti
NVIDIA TITAN RTX = TITAN RTX
Quadro RTX 4000 = Quadro RTX 4000
Quadro RTX 5000 = Quadro RTX 5000
Quadro RTX 8000 = Quadro RTX 8000
Tesla T4 = T4
NVIDIA T4G = T4
NVIDIA A100-SXM4-40GB = A100 40GB
NVIDIA A100-SXM4-80GB = A100 80GB
NVIDIA A100-PCIE-40GB = A100 40GB
NVIDIA A100 80GB PCIe = A100 80GB PCIe
NVIDIA A800-SXM4-80GB = A800 80GB
NVIDIA A30 = A30
NVIDIA A10 = A10
NVIDIA A10G = A10G
NVIDIA A16 = A16
NVIDIA A2 = A2
NVIDIA A40 = A40
NVIDIA RTX A2000 = RTX A2000
NVIDIA RTX A2000 12GB = RTX A2000 12GB
NVIDIA RTX A5500 = RTX A5500
NVIDIA RTX A6000 = RTX A6000
NVIDIA GeForce RTX 3050 6GB Laptop GPU = RTX 3050 6GB Laptop
NVIDIA GeForce RTX 3060 Laptop GPU = RTX 3060 Laptop
NVIDIA GeForce RTX 3070 Ti Laptop GPU = RTX 3070 Ti Laptop
NVIDIA GeForce RTX 3080 Laptop GPU = RTX 3080 Laptop
NVIDIA GeForce RTX 3080 Ti Laptop GPU = RTX 3080 Ti Laptop
NVIDIA GeForce RTX 3090 = RTX 3090
NVIDIA RTX A5000 Laptop GPU = RTX A5000 Laptop
NVIDIA GeForce RTX 4050 Laptop GPU = RTX 4050 Laptop
NVIDIA GeForce RTX 4060 Laptop GPU = RTX 4060 Laptop
NVIDIA GeForce RTX 4070 Laptop GPU = RTX 4070 Laptop
NVIDIA GeForce RTX 4080 Laptop GPU = RTX 4080 Laptop
NVIDIA GeForce RTX 4090 Laptop GPU = RTX 4090 Laptop
NVIDIA GeForce RTX 4090 D = RTX 4090 D
NVIDIA GeForce RTX 4070 Ti SUPER = RTX 4070 Ti SUPER
NVIDIA RTX 2000 Ada Generation = RTX 2000 Ada
NVIDIA RTX 4000 SFF Ada Generation = RTX 4000 SFF Ada
NVIDIA RTX 5000 Ada Generation Laptop GPU = RTX 5000 Ada Laptop
NVIDIA RTX 5880 Ada Generation = RTX 5880 Ada
NVIDIA RTX 6000 Ada Generation = RTX 6000 Ada
NVIDIA L4 = L4
NVIDIA L20 = L20
NVIDIA L40S = L40S
NVIDIA H20 = H20
NVIDIA H100 PCIe = H100 PCIe
NVIDIA H100 80GB HBM3 = H100 SXM
NVIDIA H100 NVL = H100 NVL
NVIDIA H800 = H800
NVIDIA H200 = H200
NVIDIA H200 NVL = H200 NVL
NVIDIA GH200 480GB = GH200 96GB
NVIDIA GH200 144G HBM3e = GH200 144GB
NVIDIA B200 = B200
NVIDIA B300 SXM6 AC = B300
NVIDIA GB200 = GB200
NVIDIA GB300 = GB300
NVIDIA GB10 = GB10
NVIDIA Thor = Jetson T5000
NVIDIA Jetson AGX Orin 64GB = Jetson AGX Orin 64GB
NVIDIA GeForce RTX 5050 = RTX 5050
NVIDIA GeForce RTX 5070 Ti Laptop GPU = RTX 5070 Ti Laptop
NVIDIA GeForce RTX 5080 Laptop GPU = RTX 5080 Laptop
NVIDIA GeForce RTX 5090 Laptop GPU = RTX 5090 Laptop
NVIDIA GeForce RTX 5090 D = RTX 5090 D
NVIDIA GeForce RTX 5090 D v2 = RTX 5090 D v2
NVIDIA RTX PRO 2000 Blackwell = RTX PRO 2000
NVIDIA RTX PRO 4000 Blackwell SFF Edition = RTX PRO 4000 SFF
NVIDIA RTX PRO 5000 Blackwell = RTX PRO 5000
NVIDIA RTX PRO 5000 72GB Blackwell = RTX PRO 5000 72GB
NVIDIA RTX PRO 6000 Blackwell Workstation Edition = RTX PRO 6000
NVIDIA RTX PRO 6000 Blackwell Server Edition = RTX PRO 6000 Server
NVIDIA RTX PRO 6000 Blackwell Max-Q Workstation Edition = RTX PRO 6000 Max-Q
rocm-smi, amdgpu.ids, torch on ROCm
AMD Instinct MI100 = MI100
AMD Instinct MI210 = MI210
AMD Instinct MI250X = MI250X
AMD Instinct MI300A = MI300A
AMD Instinct MI300X = MI300X
AMD Instinct MI300X OAM = MI300X
AMD Instinct MI300X VF = MI300X
AMD Instinct MI325X = MI325X
AMD Instinct MI355X = MI355X
AMD Radeon RX 7600 XT = RX 7600 XT
AMD Radeon RX 7800 XT = RX 7800 XT
AMD Radeon RX 7900 GRE = RX 7900 GRE
AMD Radeon RX 7900 XT = RX 7900 XT
AMD Radeon RX 7900 XTX = RX 7900 XTX
AMD Radeon RX 9060 XT = RX 9060 XT 8GB
AMD Radeon RX 9070 = RX 9070
AMD Radeon RX 9070 XT = RX 9070 XT
AMD Radeon AI PRO R9700 = AI PRO R9700
AMD Radeon PRO W7800 48GB = PRO W7800 48GB
AMD Radeon 8060S Graphics = Ryzen AI Max+ 395
AMD RYZEN AI MAX+ 395 w/ Radeon 8060S = Ryzen AI Max+ 395
macOS, Intel
Apple M5 = M5
Apple M5 Pro = M5 Pro
Apple M5 Max = M5 Max
Intel(R) Arc(TM) A770 Graphics = Arc A770
Intel(R) Arc(TM) B580 Graphics = Arc B580
Intel(R) Arc(TM) Pro B60 Graphics = Arc Pro B60
HL-225 = Gaudi 2
Intel Gaudi 3 = Gaudi 3
RunPod
A100 SXM = A100 40GB
A100 PCIe = A100 40GB
H100 SXM = H100 SXM
H200 SXM = H200
RTX 6000 Ada = RTX 6000 Ada
RTX PRO 6000 WK = RTX PRO 6000
RTX 4000 Ada SFF = RTX 4000 SFF Ada
Vast.ai
A100_SXM4 = A100 40GB
A100_PCIE = A100 40GB
H100_SXM = H100 SXM
Q_RTX_8000 = Quadro RTX 8000
RTX_3090_Ti = RTX 3090 Ti
RTX_4070S = RTX 4070 SUPER
RTX_4070S_Ti = RTX 4070 Ti SUPER
RTX_4080S = RTX 4080 SUPER
RTX_4090D = RTX 4090 D
RTX_5000Ada = RTX 5000 Ada
RTX_6000Ada = RTX 6000 Ada
RTX_PRO_6000_S = RTX PRO 6000 Server
RTX_PRO_6000_WS = RTX PRO 6000
Tesla_V100 = V100 16GB
GH200_SXM = GH200 96GB
Google Cloud
nvidia-tesla-p100 = P100 16GB
nvidia-tesla-v100 = V100 16GB
nvidia-tesla-t4 = T4
nvidia-l4 = L4
nvidia-tesla-a100 = A100 40GB
nvidia-a100-80gb = A100 80GB
nvidia-h100-80gb = H100 SXM
nvidia-h100-mega-80gb = H100 SXM
nvidia-h200-141gb = H200
nvidia-b200 = B200
nvidia-gb200 = GB200
nvidia-gb300 = GB300
nvidia-rtx-pro-6000 = RTX PRO 6000
Kubernetes, SkyPilot, Modal, TensorDock
NVIDIA-A100-SXM4-80GB = A100 80GB
NVIDIA-GeForce-RTX-3090 = RTX 3090
NVIDIA-H100-80GB-HBM3 = H100 SXM
Tesla-T4 = T4
V100-32GB = V100 32GB
A100-80GB-SXM = A100 80GB
RTX6000-Ada = RTX 6000 Ada
GH200-480GB = GH200 96GB
H100! = H100 SXM
a100-pcie-80gb = A100 80GB PCIe
geforcertx4090-pcie-24gb = RTX 4090
h100-sxm5-80gb = H100 SXM
l40s-pcie-48gb = L40S
rtxa6000-pcie-48gb = RTX A6000
people
A10G-24GB = A10G
A100-80G = A100 80GB
V100 32GB SXM2 = V100 32GB
H100 80GB PCIe = H100 PCIe
H100 SXM5 = H100 SXM
H200 141GB SXM5 = H200
NVIDIA H100 Tensor Core GPU = H100 SXM
B200 180GB = B200
B200 192GB = B200
B300 288GB = B300
GB200 NVL72 = GB200
DGX Spark = GB10
Jetson AGX Thor = Jetson T5000
Strix Halo = Ryzen AI Max+ 395
GTX1080Ti = GTX 1080 Ti
1080 Ti = GTX 1080 Ti
RTX 3090 24GB GDDR6X = RTX 3090
RTX 4090M = RTX 4090 Laptop
4090 Mobile = RTX 4090 Laptop
laptop 4090 = RTX 4090 Laptop
RTX 5090 Notebook = RTX 5090 Laptop
RTX 6000 Pro = RTX PRO 6000
9070 XT = RX 9070 XT
7900xtx = RX 7900 XTX
"""
_UNKNOWN = """
NVIDIA GeForce RTX 4090 48GB
NVIDIA GeForce RTX 5090 24GB
NVIDIA GeForce RTX 2070 with Max-Q Design
NVIDIA GeForce RTX 2050
NVIDIA GeForce GTX 1650
NVIDIA GeForce MX450
NVIDIA RTX A500 Laptop GPU
NVIDIA RTX PRO 5000 Blackwell Generation Laptop GPU
NVIDIA RTX 6000D
NVIDIA A100-SXM-64GB
NVIDIA A100-SXM4-80GB MIG 3g.40gb
NVIDIA H100 80GB HBM3 MIG 1g.10gb
NVIDIA H800 PCIe
NVIDIA H100 64GB
NVIDIA A10M
NVIDIA A30X
NVIDIA B100
NVIDIA L2
NVIDIA PG506-230
GRID A100-40C
GRID T4-16Q
Tesla K80
Tesla M60
Tesla M4
Quadro RTX 5000 with Max-Q Design
Quadro M2000M
Quadro 6000
NVIDIA GeForce GTX TITAN
AMD Instinct MI50
AMD Instinct MI308X
AMD Radeon RX 6900 XT
AMD Radeon RX 7900M
AMD Radeon Graphics
Intel(R) Arc(TM) A380 Graphics
Intel(R) Data Center GPU Max 1550
Intel(R) Iris(R) Xe Graphics
Apple M6
Apple A18 Pro
TPU v5e
tpu-v4-podslice
Trainium2
gfx1100
cuda
"""
_CARDS = [line.partition(" = ")[::2] for line in _WRITTEN.splitlines() if " = " in line]
_MISSPELLED = {
    "RTX 4091": "RTX 4090", "RTX 4909": "RTX 4090", "RTX 4090 Lapotp": "RTX 4090 Laptop",
    "NVIDEA B300": "B300", "B301": "B300", "GB301": "GB300", "RTX 5091 Laptop": "RTX 5090 Laptop",
    "MI301X": "MI300X", "RTX PRO 6000 Sever": "RTX PRO 6000 Server",
    "Jetsn AGX Thor": "Jetson T5000", "Guadi 3": "Gaudi 3", "RX 9007 XT": "RX 9070 XT",
}  # fmt: skip


def test_at_least_150_names_are_written() -> None:
    assert len({name for name, _ in _CARDS}) >= 150


@pytest.mark.parametrize(("name", "card"), _CARDS)
def test_a_name_as_it_is_written_means_its_card(name: str, card: str) -> None:
    assert find_accelerator(name).name == card


@pytest.mark.parametrize("name", _UNKNOWN.split("\n")[1:-1])
def test_another_card_is_offered_no_neighbor(name: str) -> None:
    with pytest.raises(UsageProblem) as caught:
        find_accelerator(name)
    assert caught.value.hint == "use `--memory GIB`, for a GPU that is not listed"


@pytest.mark.parametrize(("name", "card"), _MISSPELLED.items())
def test_a_misspelled_name_is_offered_its_card(name: str, card: str) -> None:
    with pytest.raises(UsageProblem) as caught:
        find_accelerator(name)
    assert caught.value.fix[0] == Option("--gpu {}", card, to="use")


@pytest.mark.parametrize(
    ("name", "cards"),
    [
        ("Orin", {"Jetson AGX Orin 64GB", "Jetson Orin Nano 8GB"}),
        ("RTX 5000", {"Quadro RTX 5000", "RTX A5000", "RTX 5000 Ada", "RTX PRO 5000"}),
        ("RTX 6000", {"Quadro RTX 6000", "RTX A6000", "RTX 6000 Ada", "RTX PRO 6000"}),
        ("MI300", {"MI300A", "MI300X"}),
    ],
)
def test_a_name_of_several_cards_lists_them_without_laptops(name: str, cards: set[str]) -> None:
    with pytest.raises(UsageProblem) as caught:
        find_accelerator(name)
    assert all(f"`{card}`" in caught.value.message for card in cards)
    assert "Laptop" not in caught.value.message


def test_a_card_in_a_laptop_is_never_the_desktops() -> None:
    laptops = [card for card in accelerators() if card.name.endswith(" Laptop")]
    assert len(laptops) >= 25
    for card in laptops:
        assert card.built_in
        assert find_accelerator(f"NVIDIA GeForce {card.name} GPU") == card
        with suppress(UsageProblem):  # a card that is only in laptops
            assert find_accelerator(card.name.removesuffix(" Laptop")) != card
