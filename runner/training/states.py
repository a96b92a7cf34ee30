"""The state of a shared training in a checkpoint: values and optimizer states of all processes.

Each parameter is stored as one tensor, whoever held which part of it, in safetensors of a few
gigabytes. So any number of processes, under any engine, can continue from it.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import torch
from safetensors.torch import save_file

from lockfiles.errors import RunFailed
from lockfiles.fixes import Command
from runner.training.stored import SHARED, VALUE, Stored

_MOST_BYTES = 4 << 30
"""About the bytes of a file, which rank 0 keeps in main memory until it is written."""


class Sharding(Protocol):
    """How an engine shares the values of a training."""

    def shard(self, model: Any) -> None:
        """Share a model before its optimizer is made, where the engine leaves that to us."""

    def reshard(self, model: Any) -> None:
        """Share what a forward pass without a backward pass has left gathered."""

    def prepared(self, trainer: Any) -> None:
        """Take what the trainer has prepared."""

    def steps(self) -> int:
        """Return how many steps the optimizer has made."""

    def states(self, parameter: Any) -> Sequence[str]:
        """Return the names of a parameter's optimizer states; none if it has had no gradient."""

    def value(self, parameter: Any, state: str = "") -> torch.Tensor:
        """Return all of a trained parameter in float32, or of one of its states. Collective."""

    def weight(self, parameter: Any) -> torch.Tensor:
        """Return all of a parameter as it computes, in main memory. Collective."""

    def make_states(self, parameters: Collection[Any], steps: int) -> None:
        """Make the optimizer's states of parameters as after some steps, for `put` to fill."""

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
        yield f"{VALUE}/{name}", shared.value(one)
        for state in shared.states(one):
            yield f"{state}/{name}", shared.value(one, state)


def read(
    model: torch.nn.Module,
    shared: Sharding,
    folder: Path,
    names: Sequence[str],
    *,
    optimizer: bool,
) -> None:
    """Put the values of a checkpoint, and with `optimizer` the states of the optimizer, into a
    model, whichever engine wrote them. Collective.

    `names` are the trained parameters in the order of the optimizer's groups. Raises RunFailed if
    the checkpoint lacks one of them.
    """
    parameters = trained(model)
    missing = set(parameters)
    stored = Stored(folder, names)
    if optimizer and stored.steps:
        shared.make_states([parameters[name] for name in stored.with_states()], stored.steps)
    for kind, name, value in stored.values(optimizer=optimizer):
        if kind == VALUE:
            shared.put(parameters[name], value)
            missing.discard(name)
        else:
            shared.put(parameters[name], value, kind)
    if missing:
        raise lacking(folder, missing, len(parameters))
    shared.settle()


def lacking(folder: Path, missing: Collection[str], count: int) -> RunFailed:
    """Return the error for a checkpoint that lacks some of the tensors that are trained."""
    return RunFailed(
        f"The checkpoint `{folder}` lacks {len(missing):,} of {count:,} trained "
        f"tensors, such as `{min(missing)}`.",
        fix=Command("rm -r -- {}", folder, note="then rerun to resume from the one before it"),
    )


def _name(number: int) -> str:
    return SHARED.replace("*", f"{number:05}")
