"""`tunelock doctor`: this machine, what is installed, and how to install what is missing."""

import platform
import shlex
import shutil
from collections.abc import Callable
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import click

from lockfiles.errors import UsageProblem
from lockfiles.fixes import Advice, Command
from planner.machines.facts import MachineFacts
from planner.machines.probes.probe import probe
from planner.machines.saved import load
from tui.terminal import output
from tui.text.findings import Finding, hints, table
from tui.text.hardware import driver_cuda, hardware, torch_command

_EXTRAS = {
    "train": ("torch", "transformers", "trl", "peft", "datasets", "accelerate", "bitsandbytes"),
    "gguf": ("gguf", "llama-cpp-python"),
    "parquet": ("pyarrow",),
}
_KERNELS = {
    "causal-conv1d": "the convolutions of linear attention, Mamba-2 and LFM2",
    "flash-linear-attention": "linear attention, as of Qwen3.5",
    "mamba-ssm": "Mamba-2 layers, as of Nemotron-H",
}
"""Packages without an extra, and what they compute faster than torch."""
_FOR_SEVERAL = "deepspeed"
"""The package, and its extra, for engines of several cards and for offloading."""


@click.command(name="doctor")
@click.option(
    "--machine", type=click.Path(path_type=Path), metavar="FILE",
    help="Save this machine's facts in FILE, for `tunelock plan --machine` on another machine.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
def command(machine: Path | None, as_json: bool) -> None:
    """Check Python, the GPU driver, the GPUs, torch and the packages of each extra.

    Shows the command that installs what is missing.
    """
    if machine is not None:
        save_machine(machine)
    cuda, here = driver_cuda(), _measured(Path.cwd())
    findings = [
        _python(), *hardware(cuda, here), _torch(cuda, here), *_packages(),
        *kernels(here, _installed), *_for_kernels(here), *_for_several(here), _compiler(),
    ]  # fmt: skip
    if as_json:
        output.data_json([asdict(finding) for finding in findings])
        return
    output.lines(table(findings))
    output.notes(f"hint: {hint}" for hint in hints(findings))


def save_machine(path: Path) -> None:
    """Write this machine's facts.

    Raises UsageProblem if `path` cannot be written, or has other content: that of another machine,
    which is easily named by mistake, since `tunelock plan --machine` reads such a file.
    """
    try:
        found = _measured(path.absolute().parent)
        _check_same_machine(path, found)
        found.save(path)
    except OSError as problem:
        raise UsageProblem(
            f"`{path}` cannot be written: {problem.strerror}.",
            fix=Command("ls -ld {}", path.parent),
        ) from None
    again = shlex.quote(str(path))
    output.note(f"wrote {path}; on another machine: tunelock plan --machine {again}")


def _check_same_machine(path: Path, found: MachineFacts) -> None:
    """Raise UsageProblem if a file has the facts of another machine."""
    try:
        saved = load(path) if path.is_file() else found
    except UsageProblem:
        return
    processors = {saved.processor, found.processor} - {""}
    if _cards(saved) != _cards(found) or len(processors) > 1:
        raise UsageProblem(
            f"`{path}` has the facts of another machine, which would be overwritten.",
            fix=(Command("tunelock plan --machine {}", path, to="plan for that machine"),
                 Advice("name another file for the facts of this one")),
        )  # fmt: skip


def _cards(machine: MachineFacts) -> list[str]:
    return [gpu.name for gpu in machine.gpus]


def _measured(folder: Path) -> MachineFacts:
    """Return this machine's facts, with what was measured on it; without a card, the memory of a
    training process is measured if it is not known."""
    from planner.machines.probes import kept
    from runner.rehearse.process import with_process

    found = probe(folder)
    return kept.with_kept(found) if found.gpus else with_process(found, output.note)


def _python() -> Finding:
    return Finding("python", platform.python_version(), "")


def _torch(cuda: int | None, machine: MachineFacts) -> Finding:
    found = _installed("torch")
    return Finding("torch", found, "" if found else torch_command(cuda, machine))


def _packages() -> list[Finding]:
    return [
        Finding(name, found, "" if found else f"pip install 'tunelock[{extra}]'")
        for extra, names in _EXTRAS.items()
        for name in names
        if name != "torch"
        for found in [_installed(name)]
    ]


def kernels(machine: MachineFacts, installed: Callable[[str], str]) -> list[Finding]:
    """Return the packages that compute some layers faster; on a CPU only those that are installed.

    `installed` returns the version of a package, empty where it is missing.
    """
    named = [(name, installed(name)) for name in _KERNELS]
    return [
        Finding(name, version or f"not installed (faster {_KERNELS[name]}; optional)", "")
        for name, version in named
        if version or machine.gpus
    ]


def _for_kernels(machine: MachineFacts) -> list[Finding]:
    """Return what Triton needs to start kernels on a card."""
    from runner.environments.compiler import INSTALL, missing_for_kernels

    if not machine.gpus:
        return []
    missing = missing_for_kernels()
    return [Finding("C compiler and Python.h", "" if missing else "found", missing and INSTALL)]


def _for_several(machine: MachineFacts) -> list[Finding]:
    """Return the package that shares a training between cards; on a CPU only if it is there."""
    found = _installed(_FOR_SEVERAL)
    missing = f"not installed (ZeRO and offloading; optional: `tunelock[{_FOR_SEVERAL}]`)"
    return [Finding(_FOR_SEVERAL, found or missing, "")] if found or machine.gpus else []


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
