"""What a checkpoint holds of each trained parameter, whichever engine wrote it.

Engines that share states write `training-*.safetensors` (`states`). One process, or several that
each hold all states, write what transformers does: the weights or the adapter as safetensors, and
the optimizer's states in `optimizer.pt`, numbered in the order of its groups.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from transformers.trainer import OPTIMIZER_NAME

STATES = ("exp_avg", "exp_avg_sq")
"""AdamW's states of a parameter."""
VALUE = "value"
SHARED = "training-*.safetensors"
"""The files of an engine that shares states."""
_WEIGHTS = ("adapter_model.safetensors", "model*.safetensors")
_ADAPTER = ".default"
"""PEFT's name of the adapter, which its files leave out."""

Values = Iterator[tuple[str, str, torch.Tensor]]
"""`value` or the name of a state, the name of a parameter, and the tensor of all of it."""


class Stored:
    """The values in a checkpoint, for the trained parameters of `names`.

    `names` are in the order of the optimizer's groups. Raises OSError, and ValueError where the
    optimizer's states are of other parameters.
    """

    def __init__(self, folder: Path, names: Sequence[str]) -> None:
        self._folder, self._names = folder, names
        self._shared = sorted(folder.glob(SHARED))
        self.steps = self._shared_steps() if self._shared else self._own_steps()
        """The steps that the optimizer has made."""

    def values(self, *, optimizer: bool) -> Values:
        """Yield the values, and with `optimizer` the optimizer's states, file by file."""
        yield from self._of_sharing(optimizer) if self._shared else self._of_one(optimizer)

    def with_states(self) -> Collection[str]:
        """Return the parameters that have states: those that have had a gradient."""
        if not self._shared:
            return list(self._states)
        names = []
        for path in self._shared:
            with safe_open(path, framework="pt") as file:
                keys = (key.partition("/") for key in file.keys())  # noqa: SIM118
                names += [name for kind, _, name in keys if kind == STATES[0]]
        return names

    def _shared_steps(self) -> int:
        with safe_open(self._shared[0], framework="pt") as file:
            return int((file.metadata() or {})["steps"])

    def _of_sharing(self, optimizer: bool) -> Values:
        for path in self._shared:
            with safe_open(path, framework="pt") as file:
                for key in file.keys():  # noqa: SIM118  # iteration needs it
                    kind, _, name = key.partition("/")
                    if kind == VALUE or optimizer:
                        yield kind, name, file.get_tensor(key)

    def _of_one(self, optimizer: bool) -> Values:
        stored = {name.replace(_ADAPTER, ""): name for name in self._names}
        for path in (one for form in _WEIGHTS for one in sorted(self._folder.glob(form))):
            with safe_open(path, framework="pt") as file:
                for key in file.keys():  # noqa: SIM118  # iteration needs it
                    if key in stored:
                        yield VALUE, stored[key], file.get_tensor(key)
        if optimizer:
            for name, own in self._states.items():
                for state in STATES:
                    yield state, name, own[state]

    def _own_steps(self) -> int:
        return max((int(one["step"]) for one in self._states.values()), default=0)

    @cached_property
    def _states(self) -> Mapping[str, Mapping[str, Any]]:
        """The optimizer's states by the name of a parameter that has had a gradient."""
        kept = torch.load(
            self._folder / OPTIMIZER_NAME, weights_only=True, map_location="cpu", mmap=True
        )
        every = kept["state"]
        numbers = [one for group in kept["param_groups"] for one in group["params"]]
        if len(numbers) != len(self._names):
            raise ValueError(f"states of {len(numbers)} parameters, not of {len(self._names)}")
        named = zip(self._names, numbers, strict=True)
        return {name: every[number] for name, number in named if every.get(number)}


def is_shared(folder: Path) -> bool:
    """Return whether a checkpoint was written by an engine that shares states."""
    return any(folder.glob(SHARED))
