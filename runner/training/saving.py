"""Checkpoints of which the large files are written while training continues.

The tensors are copied to main memory at the step of a checkpoint, where the card waits for the copy
only. The small files, random states among them, are written there and then.
"""

import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from peft import PeftModel, peft_model
from safetensors.torch import save_file
from transformers import PreTrainedModel, modeling_utils
from transformers.trainer import OPTIMIZER_NAME, SCHEDULER_NAME

from planner.machines.probes import memory
from planner.machines.probes.host import Host
from planner.search.wording import gib
from runner.training.writing import Writer

if TYPE_CHECKING:
    from transformers import Trainer as _Base
else:
    _Base = object

ROOM = 2
"""A copy is made where this many would fit into the free main memory."""


def copies() -> bool:
    """Return whether tensors are copied: on a CPU that would take memory that no plan counts."""
    return torch.cuda.is_available()


def no_room(taken_bytes: int) -> str:
    """Return why main memory has no room for a copy of so many bytes; empty if it has."""
    _, free = memory.usable(Host())
    if ROOM * taken_bytes <= free:
        return ""
    return (
        f"training waits while a checkpoint is written: a copy takes {gib(taken_bytes)}, and "
        f"{gib(free)} of main memory is free"
    )


class Saving(_Base):  # type: ignore[misc]  # transformers ships no types that mypy follows
    """The part of a trainer that saves checkpoints."""

    writer: Writer | None = None
    """Writes the large files; None for a trainer that writes all of them itself."""
    say: Callable[[str], None] = staticmethod(lambda _: None)
    """Shows a sentence to the person."""
    processing_class: Any
    alone = True
    """Whether this process has all states, as torch's own optimizers keep them."""
    _copied = False
    """Whether the checkpoint that is being saved is a copy."""

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        """Save a checkpoint, with weights by the names that they have in the model.

        In files of models, transformers splits a mixture's experts, and a trainer would not find
        them when it resumes.
        """
        own = self.model
        if isinstance(own, PreTrainedModel):
            own.save_pretrained = partial(own.save_pretrained, save_original_format=False)
        try:
            self._save_without_tokenizer(model, trial)
        finally:
            own.__dict__.pop("save_pretrained", None)

    def _save_without_tokenizer(self, model: Any, trial: Any) -> None:
        """Save a checkpoint without the tokenizer, which no resumption reads."""
        if self.writer is None:
            super()._save_checkpoint(model, trial)
            return
        self.writer.wait()
        self._copied = copies() and self.alone and self._has_room()
        padding: Any = self.processing_class
        self.processing_class = None
        try:
            super()._save_checkpoint(model, trial)
        finally:
            self.processing_class, self._copied = padding, False

    def _has_room(self) -> bool:
        why = no_room(self._taken_bytes())
        if why:
            self.say(why)
            self.say = lambda _: None
        return not why

    def _taken_bytes(self) -> int:
        """Return the bytes of the trained parameters and of the optimizer's states."""
        trained = [one for one in self.model.parameters() if one.requires_grad]
        states = [one for of in self.optimizer.state.values() for one in of.values()]
        return sum(one.nbytes for one in (*trained, *states) if isinstance(one, torch.Tensor))

    def _save(self, output_dir: str | None = None, state_dict: Any = None) -> None:
        if isinstance(self.model, PeftModel):
            state_dict = _without_frozen(self.model, state_dict)
        with _written_by(self.writer) if self.writer and self._copied else nullcontext():
            super()._save(output_dir, state_dict)

    def _save_optimizer_and_scheduler(self, output_dir: str) -> None:
        if not (self.writer and self._copied):
            super()._save_optimizer_and_scheduler(output_dir)
            return
        folder, states = Path(output_dir), copy(self.optimizer.state_dict())
        self.writer.add(partial(torch.save, states, folder / OPTIMIZER_NAME))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch's, to save the optimizer as well
            torch.save(self.lr_scheduler.state_dict(), folder / SCHEDULER_NAME)

    def _load_best_model(self) -> None:
        if self.writer:
            self.writer.wait()
        super()._load_best_model()


def _without_frozen(model: PeftModel, tensors: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the tensors of a model (by default all) without its frozen parameters: where all
    biases are trained, PEFT would also save those of a vision tower, which are not."""
    every = model.named_parameters(remove_duplicate=False)
    frozen = {name for name, one in every if not one.requires_grad}
    kept = model.state_dict() if tensors is None else tensors
    return {name: one for name, one in kept.items() if name not in frozen}


def copy(value: Any) -> Any:
    """Return a value with copies in main memory of all tensors in it."""
    if isinstance(value, torch.Tensor):
        return value.detach().to("cpu", copy=True)
    if isinstance(value, Mapping):
        return {name: copy(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(copy(one) for one in value)
    return value


@contextmanager
def _written_by(writer: Writer) -> Iterator[None]:
    """Copy what transformers and PEFT save as safetensors, and leave the files to a writer."""

    def save(tensors: Mapping[str, torch.Tensor], filename: Any, metadata: Any = None) -> None:
        writer.add(partial(save_file, copy(tensors), filename, metadata=metadata))

    own = modeling_utils.safe_save_file, peft_model.safe_save_file
    modeling_utils.safe_save_file = peft_model.safe_save_file = save
    try:
        yield
    finally:
        modeling_utils.safe_save_file, peft_model.safe_save_file = own
