"""The access of probes to a machine: files, environment, commands and NVML."""

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_COMMAND_SECONDS = 10
"""Timeout for `sysctl` and `vm_stat`, which normally answer at once."""


def _command(*words: str) -> str:
    import subprocess

    try:
        ended = subprocess.run(
            words, capture_output=True, text=True, timeout=_COMMAND_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return ended.stdout if ended.returncode == 0 else ""


def _nvml() -> Any:
    import pynvml

    return pynvml


def _cores() -> int:
    """Return the number of cores in this process's affinity, or all cores (macOS)."""
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@dataclass(frozen=True)
class Host:
    """A machine as probes see it: this one, or one recorded in files."""

    root: Path = Path("/")
    """The root of its file system."""
    environment: Mapping[str, str] = field(default_factory=lambda: os.environ)
    """Environment variables, such as `CUDA_VISIBLE_DEVICES`."""
    system: str = sys.platform
    """Such as `linux` or `darwin`."""
    cores: int = field(default_factory=_cores)
    """Cores available to this process, at least 1."""
    command: Callable[..., str] = _command
    """Runs a command and returns its output; empty if it fails."""
    nvml: Callable[[], Any] = _nvml
    """Returns NVML's module, which is imported on first use."""

    def read(self, path: str) -> str:
        """Return the stripped text of a file; empty if it cannot be read."""
        try:
            return (self.root / path).read_text(encoding="utf-8", errors="replace").strip()
        except OSError:
            return ""

    def number(self, path: str) -> int:
        """Return the integer in a file, decimal or `0x…`; 0 if there is none."""
        return whole(self.read(path))

    def folders(self, path: str) -> list[str]:
        """Return the paths in a folder whose names are numbers, in numeric order."""
        try:
            names = [at.name for at in (self.root / path).iterdir() if at.name.isdecimal()]
        except OSError:
            return []
        return [f"{path}/{name}" for name in sorted(names, key=int)]


def whole(text: str) -> int:
    """Return an integer from text, decimal or `0x…`; 0 for other text."""
    try:
        return int(text, 0)
    except ValueError:
        return 0
