"""Measures the memory of a training process itself on this machine, once, and keeps it."""

import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec

from planner.machines.facts import MachineFacts
from planner.machines.probes import kept
from runner.environments.lifeline import lifeline
from runner.environments.packages import TRAINING
from runner.environments.variables import on_cpu

LIMIT_SECONDS = 600
"""After this time a measurement is given up; it takes about six seconds of a core."""


def with_process(
    machine: MachineFacts, told: Callable[[str], None] = lambda sentence: None
) -> MachineFacts:
    """Return the facts of this machine with what was measured on it before, and the memory of a
    training process.

    That is measured where it is not known, after `told` was called with what is being done. It
    stays 0 where the training stack is not installed, and where the measurement fails.
    """
    found = kept.with_kept(machine)
    if found.process_bytes or not all(find_spec(name) for name in TRAINING):
        return found
    told("measuring the memory of a training process, once for this machine")
    if measured := _measured():
        kept.keep_process(measured)
    return kept.with_kept(machine) if measured else found


def _measured() -> int:
    """Return the peak memory of a process that trains a tiny model; 0 where that fails."""
    try:
        with lifeline() as line:
            done = subprocess.run(
                [sys.executable, "-P", "-m", "runner.rehearse.tiny"],
                stdin=line,
                capture_output=True,
                text=True,
                env=on_cpu(),
                timeout=LIMIT_SECONDS,
            )
    except (OSError, subprocess.TimeoutExpired):
        return 0
    last = (done.stdout.split() or [""])[-1]
    return int(last) if done.returncode == 0 and last.isdecimal() else 0
