"""`tunelock doctor`: this machine, what is installed, and how to install what is missing."""

import platform
import shlex
import shutil
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import click

from lockfiles.errors import UsageProblem
from lockfiles.fixes import Command
from planner.machines.facts import MachineFacts
from planner.machines.probes.probe import probe
from tui.terminal import output
from tui.text.findings import Finding, hints, table
from tui.text.hardware import driver_cuda, hardware, torch_command

_EXTRAS = {
    "train": ("torch", "transformers", "trl", "peft", "datasets", "accelerate", "bitsandbytes"),
    "gguf": ("gguf", "llama-cpp-python"),
    "parquet": ("pyarrow",),
}


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
        _python(), *hardware(cuda, here), _torch(cuda, here), *_packages(), _compiler(),
    ]  # fmt: skip
    if as_json:
        output.data_json([asdict(finding) for finding in findings])
        return
    output.lines(table(findings))
    output.notes(f"hint: {hint}" for hint in hints(findings))


def save_machine(path: Path) -> None:
    """Write this machine's facts. Raises UsageProblem if `path` cannot be written."""
    try:
        _measured(path.absolute().parent).save(path)
    except OSError as problem:
        raise UsageProblem(
            f"`{path}` cannot be written: {problem.strerror}.",
            fix=Command("ls -ld {}", path.parent),
        ) from None
    again = shlex.quote(str(path))
    output.note(f"wrote {path}; on another machine: tunelock plan --machine {again}")


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
