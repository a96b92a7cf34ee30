"""`tunelock doctor`: what is installed, what this driver needs, and the command for what is not."""

import platform
import shutil
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import click

from lockfiles.errors import UsageProblem
from tui import output

_EXTRAS = {
    "train": ("torch", "transformers", "trl", "peft", "datasets", "accelerate", "bitsandbytes"),
    "gguf": ("gguf", "llama-cpp-python"),
    "parquet": ("pyarrow",),
}
_TORCH = "2.13.0"
_CUDA_WHEELS = ((13000, "cu130"), (12080, "cu128"), (12060, "cu126"))
"""The oldest driver interface (NVML's `cudaDriverVersion`) of each CUDA build of that torch."""


@dataclass(frozen=True)
class Finding:
    """One thing that was looked for."""

    what: str
    """The name of a package or of a part of the machine."""
    found: str
    """A version or a description; empty where it is missing."""
    mend: str
    """The command that adds or renews it; empty where nothing is wrong."""


@click.command(name="doctor")
@click.option(
    "--machine", type=click.Path(path_type=Path), metavar="FILE",
    help="Save this machine's facts in FILE, for `tunelock plan --machine FILE` elsewhere.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
def command(machine: Path | None, as_json: bool) -> None:
    """Look at Python, the driver, torch and the packages of each extra.

    What is missing comes with the command that installs it.
    """
    if machine is not None:
        save_machine(machine)
    cuda = _driver_cuda()
    findings = [_python(), driver(cuda), _torch(cuda), *_packages(), _compiler()]
    if as_json:
        output.data_json([asdict(finding) for finding in findings])
        return
    output.data(table(findings))
    for hint in hints(findings):
        output.note(f"hint: {hint}")


def save_machine(path: Path) -> None:
    """Write this machine's facts. Raises UsageProblem where `path` cannot be written."""
    from planner.machine import probe

    try:
        probe(path.absolute().parent).save(path)
    except OSError as problem:
        raise UsageProblem(
            f"`{path}` cannot be written: {problem.strerror}.", hint=f"ls -ld {path.parent}"
        ) from None
    output.note(f"wrote {path}; elsewhere: tunelock plan --machine {path}")


def table(findings: Iterable[Finding]) -> str:
    """Return one line for each finding, its name and what was found in columns."""
    listed = list(findings)
    width = max(len(finding.what) for finding in listed)
    return "\n".join(f"{item.what:<{width}}  {item.found or 'missing'}" for item in listed)


def hints(findings: Iterable[Finding]) -> list[str]:
    """Return what to type, once each, in the order of the findings."""
    return list(dict.fromkeys(finding.mend for finding in findings if finding.mend))


def driver(cuda: int | None) -> Finding:
    """Say what a driver allows; `cuda` as in `torch_command`."""
    if cuda is None:
        return Finding("nvidia driver", "none (planning for CPU)", "")
    name, needed = _cuda_name(cuda), _cuda_name(_CUDA_WHEELS[-1][0])
    if cuda >= _CUDA_WHEELS[-1][0]:
        return Finding("nvidia driver", f"CUDA {name}", "")
    return Finding(
        "nvidia driver",
        f"CUDA {name}, too old for every CUDA build of torch {_TORCH} (planning for CPU)",
        f"update the NVIDIA driver to one for CUDA {needed} or newer, from "
        "https://www.nvidia.com/drivers; until then only the CPU build of torch is left",
    )


def torch_command(driver_cuda: int | None) -> str:
    """Return the command that installs the right torch.

    `driver_cuda` is NVML's CUDA version of the driver (1000·major + 10·minor), or None without
    an NVIDIA driver.
    """
    tag = "cpu"
    if driver_cuda is not None:
        tag = next((name for oldest, name in _CUDA_WHEELS if driver_cuda >= oldest), "cpu")
    return f"pip install torch=={_TORCH} --index-url https://download.pytorch.org/whl/{tag}"


def _python() -> Finding:
    return Finding("python", platform.python_version(), "")


def _torch(cuda: int | None) -> Finding:
    found = _installed("torch")
    return Finding("torch", found, "" if found else torch_command(cuda))


def _cuda_name(cuda: int) -> str:
    return f"{cuda // 1000}.{cuda % 1000 // 10}"


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
