"""One training step of a real model class with fake tensors."""

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from planner.setup.setup import Profile
from runner.trace import quantised
from runner.trace.as_gpu import as_gpu, as_resident, changed, whole_rows
from runner.trace.as_gpu import kernels as as_gpu_kernels
from runner.trace.depths import of_all_layers, samples, stack
from runner.trace.live import Live
from runner.trace.losses import Loss
from runner.trace.model import built, layer_kinds, on_cpu, reference
from runner.trace.optimizer import optimizer
from runner.training.loaded import configuration


def peaks(config: Mapping[str, Any], profile: Profile, kept: Sequence[int]) -> dict[str, int]:
    """Return the peak of live bytes in each moment of a step with the layers `kept`.

    The step is the second one, when AdamW's states exist. With gradient accumulation all gradients
    exist in its forward pass. An evaluation follows it.
    """
    gpu = profile.device == "cuda"
    model, second = built(config, profile, kept), reference(config, profile, kept)
    with contextlib.ExitStack() as entered:
        if eight := needs_bitsandbytes(profile):
            entered.enter_context(changed(quantised.changes(gpu)))
        kernels = dict(as_gpu_kernels() if gpu else {})
        kernels |= quantised.kernels() if eight else {}
        live = Live(as_gpu=gpu, kernels=kernels, scored=profile.scored)
        entered.enter_context(FakeTensorMode())
        entered.enter_context(whole_rows(profile.masked))
        entered.enter_context(as_gpu() if gpu else as_resident(_vocabulary(config)))
        for each in filter(None, (model, second)):
            on_cpu(each)
            live.see((*each.parameters(), *each.buffers(), *quantised.scales(each)))
        with live:
            steps(model, second, profile, live)
    return {name: size for name, size in live.peaks.items() if not name.startswith("first")}


def whole_peaks(config: Mapping[str, Any], profile: Profile) -> dict[str, int]:
    """Return what `peaks` would with all layers."""
    found = layer_kinds(config, profile)
    return of_all_layers(found, [peaks(config, profile, kept) for kept in samples(found)])


def needs_bitsandbytes(profile: Profile) -> bool:
    """Return whether a plan's weights or optimizer states are bitsandbytes'."""
    return bool(profile.quantised_bits) or profile.optimizer.endswith("8bit")


def _vocabulary(config: Mapping[str, Any]) -> int:
    size: int = configuration(config).get_text_config().vocab_size
    return size


def steps(model: Any, second: Any, profile: Profile, live: Live) -> None:
    """Run two steps and an evaluation, marking each moment in `live`."""
    updates, loss = optimizer(model, profile), Loss(model, second, profile)
    trained = [parameter for group in updates.param_groups for parameter in group["params"]]
    with _hooked(model, live) as before:
        for before[0] in ("first ", ""):
            for _ in range(2 if profile.accumulates and not before[0] else 1):
                _micro_step(model, loss, live, before[0])
            live.enter(before[0] + "optimizer")
            torch.nn.utils.clip_grad_norm_(trained, 1.0, foreach=profile.device == "cuda")
            updates.step()
            updates.zero_grad(set_to_none=True)
    live.enter("evaluation")
    model.eval()
    with torch.no_grad():
        loss()


def _micro_step(model: Any, loss: Callable[[], Any], live: Live, before: str) -> None:
    model.train()
    live.enter(before + "forward")
    found = loss()
    live.enter(before + "backward: loss head")
    found.backward()


@contextlib.contextmanager
def _hooked(model: Any, live: Live) -> Iterator[list[str]]:
    """Start a moment of `live` when the gradient reaches the last layer, and the first."""
    before = [""]
    layers = stack(model)

    def follow(layer: torch.nn.Module, moment: str) -> Any:
        def reached(module: object, args: object, output: Any) -> None:
            out = output[0] if isinstance(output, tuple) else output
            if out.requires_grad:
                out.register_hook(lambda gradient: live.enter(before[0] + moment))

        return layer.register_forward_hook(reached)

    ends = (layers[-1], "backward: last layer"), (layers[0], "backward: first layer")
    handles = [follow(*each) for each in ends]
    try:
        yield before
    finally:
        for handle in handles:
            handle.remove()
