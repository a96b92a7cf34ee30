"""Measures layers of transformers on CPU: `saved_by_autograd.py RANK LENGTH`.

Stdin has a JSON list of `[FAMILY, CONFIG, PERIOD, TARGETS]`. For each it prints two lines `KEPT`,
under LoRA of its targets and full: bytes that one layer keeps, and that four layers hold at most
with checkpointing (0 where a period has three layers or more).
"""

import json
import sys
import weakref
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from peft import LoraConfig, get_peft_model
from torch.utils._python_dispatch import TorchDispatchMode
from transformers import AutoConfig, AutoModel
from transformers.initialization import no_init_weights


class Peak(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """The most bytes of storages that live at once, but for those of the model itself."""

    def __init__(self, model: Any) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.live, self.peak = 0, 0
        self.known = {t.untyped_storage()._cdata for t in standing(model)}

    def __torch_dispatch__(
        self, operation: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        made = operation(*args, **(kwargs or {}))
        for tensor in made if isinstance(made, tuple | list) else (made,):
            if isinstance(tensor, torch.Tensor):
                self.see(tensor.untyped_storage())
        return made

    def see(self, storage: torch.UntypedStorage) -> None:
        key, size = storage._cdata, storage.nbytes()
        if key in self.known:
            return
        self.known.add(key)
        self.live += size
        self.peak = max(self.peak, self.live)
        weakref.finalize(storage, self.forget, key, size)

    def forget(self, key: int, size: int) -> None:
        self.known.discard(key)
        self.live -= size


class Saved:
    """A tensor that autograd saves, for as long as its graph is."""

    def __init__(self, tensor: torch.Tensor) -> None:
        self.tensor = tensor


class Measured:
    """Models of one family and shape, with adapters on the targets, or none of them."""

    def __init__(
        self, family: str, config: Mapping[str, Any], targets: Sequence[str], rank: int, length: int
    ) -> None:
        self.family, self.config, self.targets = family, config, targets
        self.rank, self.length = rank, length

    def _built(self, layers: int) -> Any:
        made = AutoConfig.for_model(self.family, **self.config, num_hidden_layers=layers)
        made._attn_implementation = "eager" if self.family in ("gemma2", "gpt_oss") else "sdpa"
        with no_init_weights():
            model = AutoModel.from_config(made, dtype=torch.bfloat16).train()
        if self.targets:
            adapter = LoraConfig(r=self.rank, target_modules=self.targets, lora_dropout=0.0)
            model = get_peft_model(model, adapter)
            model.enable_input_require_grads()
        return model

    def _forward(self, model: Any) -> torch.Tensor:
        ids = torch.randint(3, 500, (1, self.length))
        with torch.autocast("cpu", torch.bfloat16):
            last: torch.Tensor = model(input_ids=ids, use_cache=False).last_hidden_state
        return last

    def kept(self, layers: int) -> int:
        """Return the bytes that autograd keeps after a forward pass."""
        model, held = self._built(layers), weakref.WeakSet[Saved]()
        fixed = {t.untyped_storage().data_ptr() for t in standing(model)}

        def pack(tensor: torch.Tensor) -> Saved:
            saved = Saved(tensor)
            held.add(saved)
            return saved

        with torch.autograd.graph.saved_tensors_hooks(pack, lambda saved: saved.tensor):
            last = self._forward(model)
        storages = [saved.tensor.untyped_storage() for saved in held]
        found = {one.data_ptr(): one.nbytes() for one in storages if one.data_ptr() not in fixed}
        assert last.requires_grad
        return sum(found.values())

    def peak(self, layers: int) -> int:
        """Return the most bytes of a pass forward and back, with checkpointing."""
        model = self._built(layers)
        model.gradient_checkpointing_enable({"use_reentrant": False})
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.grad = torch.zeros_like(parameter)
        seen = Peak(model)
        with seen:
            self._forward(model).float().mean().backward()  # type: ignore[no-untyped-call]
        return seen.peak


def standing(model: Any) -> Iterator[torch.Tensor]:
    """Yield what lives as long as the model."""
    yield from model.parameters()
    yield from model.buffers()
    yield from (p.grad for p in model.parameters() if p.grad is not None)


def main() -> None:
    torch.set_num_threads(1)
    rank, length = int(sys.argv[1]), int(sys.argv[2])
    for family, config, period, names in json.load(sys.stdin):
        for targets in (names, ()):
            measured = Measured(family, config, targets, rank, length)
            few, many = (measured.kept(n * period) for n in (1, 2))
            most = measured.peak(4) if period < 3 else 0
            print("KEPT", (many - few) / period, most)


if __name__ == "__main__":
    main()
