"""What was measured on this machine, kept in the user's cache: a process's memory, steps' times.

The measurements are of one processor and of the installed packages; with others they are not used.
"""

import hashlib
import json
import platform
from contextlib import suppress
from dataclasses import asdict, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationError

from lockfiles import files, text
from lockfiles.errors import UsageProblem
from lockfiles.fields import Sha256, SizeBytes, Table
from planner.hub.cache import cache_folder
from planner.machines.facts import MachineFacts, TimedStep
from planner.machines.probes import cgroups, processor
from planner.machines.probes.host import Host
from planner.machines.saved import MOST_TIMED, SavedStep

FILE = "machine.json"
"""The file in the cache."""
STACK = (
    "accelerate", "bitsandbytes", "datasets", "peft", "tokenizers", "torch", "transformers", "trl",
)  # fmt: skip
"""The packages that the measurements depend on."""
MEASURES = 2
"""Raised where another thing is measured: since 2, a process without bitsandbytes."""
_LIMIT_BYTES = files.MIB


class _Kept(Table):
    """The content of the file."""

    version: Literal[1] = 1
    stack_sha256: Sha256
    process_bytes: SizeBytes = 0
    timed: Annotated[list[SavedStep], Field(max_length=MOST_TIMED)] = Field(default_factory=list)


def with_kept(machine: MachineFacts) -> MachineFacts:
    """Return the facts of this machine with what was measured on it, if anything was."""
    found = _read()
    steps = tuple(step.facts() for step in found.timed)
    return replace(machine, process_bytes=found.process_bytes, timed=steps)


def keep_process(process_bytes: int) -> None:
    """Keep the memory of a training process; does nothing where the cache cannot be written."""
    _write(_read().model_copy(update={"process_bytes": process_bytes}))


def keep_step(step: TimedStep) -> None:
    """Keep the time of a step, in place of an earlier one of its setup; does nothing where the
    cache cannot be written."""
    found = _read()
    new = SavedStep.model_validate(asdict(step))
    others = [one for one in found.timed if one.setup_sha256 != new.setup_sha256]
    _write(found.model_copy(update={"timed": [new, *others][:MOST_TIMED]}))


def stack_sha256() -> str:
    """Return the digest of the processor and the packages that measurements depend on."""
    host = Host()
    own = {
        "processor": processor.name(host),
        "cores": cgroups.cores(host),
        "python": platform.python_version(),
        "libc": platform.libc_ver(),
        "packages": {name: _installed(name) for name in STACK},
        "measures": MEASURES,
    }
    return hashlib.sha256(json.dumps(own, sort_keys=True).encode()).hexdigest()


def _installed(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def _place() -> Path:
    return cache_folder() / FILE


def _read() -> _Kept:
    """Return what is kept; nothing where the file is missing, broken or of other packages."""
    stack = stack_sha256()
    with suppress(OSError, RuntimeError, UsageProblem, ValidationError):
        raw = text.read_json_object(_place(), limit_bytes=_LIMIT_BYTES)
        found = _Kept.model_validate(raw)
        if found.stack_sha256 == stack:
            return found
    return _Kept(stack_sha256=stack)


def _write(found: _Kept) -> None:
    with suppress(OSError, RuntimeError):  # RuntimeError: there is no home
        place = _place()
        place.parent.mkdir(parents=True, exist_ok=True)
        files.write_whole(place, (found.model_dump_json(indent=2) + "\n").encode())
