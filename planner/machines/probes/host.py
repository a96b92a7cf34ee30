"""What the probes may touch of a machine: its files, environment, commands and NVML."""

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_COMMAND_SECONDS = 10
"""Longest wait for `sysctl` or `vm_stat`, which answer at once."""


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
    """Return the cores of this process's affinity, or all where the system has none (macOS)."""
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@dataclass(frozen=True)
class Host:
    """A machine as the probes see it: this one, or one recorded in files."""

    root: Path = Path("/")
    """Where its file system begins."""
    environment: Mapping[str, str] = field(default_factory=lambda: os.environ)
    """The variables that choose cards, such as `CUDA_VISIBLE_DEVICES`."""
    system: str = sys.platform
    """Such as `linux` or `darwin`."""
    cores: int = field(default_factory=_cores)
    """Cores that the scheduler gives this process, at least 1."""
    command: Callable[..., str] = _command
    """Runs a command's words and returns its output; empty where it fails."""
    nvml: Callable[[], Any] = _nvml
    """Returns NVML's module, which is imported only when cards are looked for."""

    def read(self, path: str) -> str:
        """Return a file's text without the space around it; empty where it cannot be read."""
        try:
            return (self.root / path).read_text(encoding="utf-8", errors="replace").strip()
        except OSError:
            return ""

    def number(self, path: str) -> int:
        """Return the whole number in a file, decimal or `0x…`; 0 where there is none."""
        return whole(self.read(path))

    def folders(self, path: str) -> list[str]:
        """Return the paths in a folder whose names are numbers, in their order."""
        try:
            names = [at.name for at in (self.root / path).iterdir() if at.name.isdecimal()]
        except OSError:
            return []
        return [f"{path}/{name}" for name in sorted(names, key=int)]


def whole(text: str) -> int:
    """Return a whole number, decimal or `0x…`; 0 for text that is none."""
    try:
        return int(text, 0)
    except ValueError:
        return 0
