"""The state of a shared training in a checkpoint: values and optimizer states of all processes.

Each parameter is stored as one tensor, whoever held which part of it, in safetensors of a few
gigabytes. So any number of processes, under any engine that shares states, can continue from it.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

import torch
from safetensors import safe_open
from safetensors.torch import save_file

from lockfiles.errors import RunFailed
from lockfiles.fixes import Command

STATES = ("exp_avg", "exp_avg_sq")
"""AdamW's states of a parameter."""
_VALUE = "value"
_PATTERN = "training-*.safetensors"
_MOST_BYTES = 4 << 30
"""About the bytes of a file, which rank 0 keeps in main memory until it is written."""


class Sharding(Protocol):
    """How an engine shares the values of a training."""

    def shard(self, model: Any) -> None:
        """Share a model before its optimizer is made, where the engine leaves that to us."""

    def prepared(self, trainer: Any) -> None:
        """Take what the trainer has prepared."""

    def steps(self) -> int:
        """Return how many steps the optimizer has made."""

    def value(self, parameter: Any, state: str = "") -> torch.Tensor:
        """Return all of a trained parameter in float32, or of one of its states. Collective."""

    def weight(self, parameter: Any) -> torch.Tensor:
        """Return all of a parameter as it computes, in main memory. Collective."""

    def make_states(self, steps: int) -> None:
        """Make the optimizer's states as after some steps, for `put` to fill."""

    def put(self, parameter: Any, value: torch.Tensor, state: str = "") -> None:
        """Replace this process's share of a parameter, or of one of its states."""

    def settle(self) -> None:
        """Let what computes follow what was put. Collective."""


def trained(model: torch.nn.Module) -> Mapping[str, torch.nn.Parameter]:
    """Return the trained parameters of a model by name."""
    return {name: one for name, one in model.named_parameters() if one.requires_grad}


def write(model: torch.nn.Module, shared: Sharding, folder: Path, *, writes: bool) -> None:
    """Write the state of a training to a checkpoint; only one process has `writes`. Collective."""
    held: dict[str, torch.Tensor] = {}
    size = number = 0
    steps = {"steps": str(shared.steps())}
    folder.mkdir(parents=True, exist_ok=True)
    for key, value in _values(model, shared):
        if writes:
            held[key] = value.cpu().contiguous()
            size += value.numel() * value.element_size()
        if size > _MOST_BYTES:
            save_file(held, folder / _name(number), steps)
            held, size, number = {}, 0, number + 1
    if writes and held:
        save_file(held, folder / _name(number), steps)


def _values(model: torch.nn.Module, shared: Sharding) -> Iterator[tuple[str, torch.Tensor]]:
    for name, one in trained(model).items():
        yield f"{_VALUE}/{name}", shared.value(one)
        if shared.steps():
            for state in STATES:
                yield f"{state}/{name}", shared.value(one, state)


def read(model: torch.nn.Module, shared: Sharding, folder: Path, *, optimizer: bool) -> None:
    """Put the values of a checkpoint, and with `optimizer` the states of the optimizer, into a
    model that is shared. Collective.

    Raises RunFailed if the checkpoint lacks a trained parameter.
    """
    parameters = trained(model)
    missing, made = set(parameters), False
    for path in sorted(folder.glob(_PATTERN)):
        with safe_open(path, framework="pt") as file:
            steps = int((file.metadata() or {})["steps"])
            if optimizer and not made and steps:
                shared.make_states(steps)
            made = True
            for key in file.keys():  # noqa: SIM118  # iteration needs it
                kind, _, name = key.partition("/")
                if kind == _VALUE:
                    shared.put(parameters[name], file.get_tensor(key))
                    missing.discard(name)
                elif optimizer:
                    shared.put(parameters[name], file.get_tensor(key), kind)
    if missing:
        raise RunFailed(
            f"The checkpoint `{folder}` lacks {len(missing):,} of {len(parameters):,} trained "
            f"tensors, such as `{min(missing)}`.",
            fix=Command("rm -r -- {}", folder, note="then rerun to resume from the one before it"),
        )
    shared.settle()


def _name(number: int) -> str:
    return _PATTERN.replace("*", f"{number:05}")
