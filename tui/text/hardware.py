"""The lines of `tunelock doctor` about drivers, GPUs, CPU and memory."""

from collections.abc import Iterator

from planner.machines.facts import Gpu, MachineFacts
from planner.machines.occupancy import taken
from tui.terminal.units import memory
from tui.text.findings import Finding

TORCH = "2.13.0"
"""The version of torch that runs are tested with."""
_CUDA_WHEELS = ((13000, "cu130"), (12080, "cu128"), (12060, "cu126"))
"""The oldest driver (NVML's `cudaDriverVersion`) that each CUDA build of that torch supports."""


def hardware(cuda: int | None, machine: MachineFacts) -> Iterator[Finding]:
    """Yield a line for the driver, each GPU, the CPU, the main memory, and what of it a training
    process itself needs if that was measured.

    `cuda` is as in `torch_command`.
    """
    if machine.gpus and machine.gpus[0].vendor == "AMD":
        yield Finding("amd driver", f"{machine.driver} (not measured on AMD GPUs)", "")
    else:
        yield driver(cuda, machine.problem)
    for index, gpu in enumerate(machine.gpus):
        yield Finding(f"gpu {index}", card(gpu), "")
    if machine.problem:
        left = "not all GPUs can be used" if machine.gpus else "cannot be used (planning for CPU)"
        yield Finding("gpu", left, machine.problem)
    yield Finding("processor", _processor(machine), "")
    yield Finding("main memory", memory(machine.ram_bytes), "")
    if machine.process_bytes:
        own = f"{memory(machine.process_bytes)} on the CPU, without model and rows (measured)"
        yield Finding("training process", own, "")


def driver(cuda: int | None, problem: str = "") -> Finding:
    """Return the NVIDIA driver's CUDA version; `cuda` as in `torch_command`, `problem` as found."""
    if cuda is None:
        found = "not responding" if "NVIDIA" in problem else "none"
        return Finding("nvidia driver", f"{found} (planning for CPU)", "")
    name, needed = _cuda_name(cuda), _cuda_name(_CUDA_WHEELS[-1][0])
    if cuda >= _CUDA_WHEELS[-1][0]:
        return Finding("nvidia driver", f"CUDA {name}", "")
    return Finding(
        "nvidia driver",
        f"CUDA {name}, too old for every CUDA build of torch {TORCH} (planning for CPU)",
        f"update the NVIDIA driver to one for CUDA {needed} or newer, from "
        "https://www.nvidia.com/drivers; until then only the CPU build of torch works",
    )


def torch_command(driver_cuda: int | None, machine: MachineFacts | None = None) -> str:
    """Return the command that installs the right torch, or where to find it for AMD GPUs.

    `driver_cuda` is NVML's CUDA version of the driver (1000·major + 10·minor), or None without
    an NVIDIA driver.
    """
    if machine and machine.gpus and machine.gpus[0].vendor == "AMD":
        return f"choose ROCm at https://pytorch.org/get-started/locally, for torch {TORCH}"
    tag = "cpu"
    if driver_cuda is not None:
        tag = next((name for oldest, name in _CUDA_WHEELS if driver_cuda >= oldest), "cpu")
    return f"pip install torch=={TORCH} --index-url https://download.pytorch.org/whl/{tag}"


def driver_cuda() -> int | None:
    """Return NVML's CUDA version of the driver; None without an NVIDIA driver."""
    import pynvml

    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return None
    try:
        return int(pynvml.nvmlSystemGetCudaDriverVersion_v2())
    except pynvml.NVMLError:
        return None
    finally:
        pynvml.nvmlShutdown()


def card(gpu: Gpu) -> str:
    """Return a GPU's name, its memory, and which processes use it."""
    kind = f" ({gpu.compute_capability})" if gpu.vendor == "AMD" else ""
    if busy := taken(gpu):
        return f"{gpu.name}{kind}: {busy}"
    return f"{gpu.name}{kind}: {memory(gpu.free_bytes)} of {memory(gpu.memory_bytes)} free"


def _processor(machine: MachineFacts) -> str:
    cores = "1 core" if machine.cpu_cores == 1 else f"{machine.cpu_cores} cores"
    processor = f"{machine.processor}, {cores}" if machine.processor else cores
    if not machine.metal_bytes:
        return processor
    metal = memory(machine.metal_bytes)
    return f"{processor}; its GPU can use {metal} (not used: training runs on the CPU)"


def _cuda_name(cuda: int) -> str:
    return f"{cuda // 1000}.{cuda % 1000 // 10}"
