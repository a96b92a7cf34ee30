"""`tunelock doctor`: what is installed, what this driver needs, and the command for what is not."""

import platform
import shutil
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version

import click

from tui import output

_EXTRAS = {
    "train": ("torch", "transformers", "trl", "peft", "datasets", "accelerate", "bitsandbytes"),
    "gguf": ("gguf", "llama-cpp-python"),
    "parquet": ("pyarrow",),
}
_CUDA_WHEELS = ((13000, "cu130"), (12080, "cu128"), (12060, "cu126"))
"""The oldest driver interface (NVML's `cudaDriverVersion`) of each CUDA build of torch."""


@dataclass(frozen=True)
class Finding:
    """One thing that was looked for."""

    what: str
    found: str
    """A version or a description; empty where it is missing."""
    mend: str
    """The command that adds it; empty where nothing is missing."""


@click.command(name="doctor")
@click.option("--json", "as_json", is_flag=True, help="Write the findings as JSON.")
def command(as_json: bool) -> None:
    """Look at Python, the driver, torch and the packages of each extra."""
    findings = [_python(), *_driver_and_torch(), *_packages(), _compiler()]
    if as_json:
        output.data_json([asdict(finding) for finding in findings])
        return
    width = max(len(finding.what) for finding in findings)
    for finding in findings:
        output.data(f"{finding.what:<{width}}  {finding.found or 'missing'}")
    for mend in dict.fromkeys(finding.mend for finding in findings if finding.mend):
        output.note(f"hint: {mend}")


def torch_command(driver_cuda: int | None) -> str:
    """Return the command that installs the right torch.

    `driver_cuda` is NVML's CUDA version of the driver (1000·major + 10·minor), or None without
    an NVIDIA driver.
    """
    tag = "cpu"
    if driver_cuda is not None:
        tag = next((name for oldest, name in _CUDA_WHEELS if driver_cuda >= oldest), "cpu")
    return f"pip install torch==2.13.0 --index-url https://download.pytorch.org/whl/{tag}"


def _python() -> Finding:
    return Finding("python", platform.python_version(), "")


def _driver_and_torch() -> tuple[Finding, Finding]:
    cuda = _driver_cuda()
    driver = f"CUDA {cuda // 1000}.{cuda % 1000 // 10}" if cuda else "none (planning for CPU)"
    torch = _installed("torch")
    return (
        Finding("nvidia driver", driver, ""),
        Finding("torch", torch, "" if torch else torch_command(cuda)),
    )


def _driver_cuda() -> int | None:
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


def _packages() -> list[Finding]:
    return [
        Finding(name, found, "" if found else f"pip install 'tunelock[{extra}]'")
        for extra, names in _EXTRAS.items()
        for name in names
        if name != "torch"
        for found in [_installed(name)]
    ]


def _compiler() -> Finding:
    found = shutil.which("c++") or shutil.which("g++") or shutil.which("clang++")
    needed = not found and not _installed("llama-cpp-python")
    hint = "apt-get install g++ cmake, then pip install 'tunelock[gguf]' for q4_k_m"
    return Finding("C++ compiler", "found" if found else "", hint if needed else "")


def _installed(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""
