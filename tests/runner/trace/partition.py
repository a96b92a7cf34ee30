"""`python -m tests.runner.trace.partition MODEL ...`: what a compiled layer saves.

MODEL is a catalogue name without its owner. The classes of transformers, PEFT and bitsandbytes are
traced with their real widths, in bfloat16 and on a CPU, up to where inductor has divided the graph
into forward and backward. Nothing is computed. CUDA's autocast computes more operations in float32
than a CPU's: those of activation functions are `IN_FLOAT32`.
"""

import argparse
import operator
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import torch
from torch.fx import GraphModule, Node

from planner.catalogue import lookup
from planner.memory import compiled_layers
from planner.models import layers
from planner.models.architecture import architecture
from planner.models.facts import Architecture
from planner.search.lora_targets import preset
from planner.setup.setup import Profile
from runner.trace.as_gpu import changed
from runner.trace.depths import stack
from runner.trace.model import built, on_cpu
from runner.training import varlen

TOKENS = 4099
"""A prime, so that it is no width."""
ROWS = (1366, 819, 1914)
IN_FLOAT32: tuple[tuple[Any, str], ...] = (
    (torch, "square"), (torch, "expm1"), (torch.nn.functional, "softplus"),
)  # fmt: skip
"""What activation functions use that CUDA's autocast computes in float32 and CPU's does not, by
module and name (https://docs.pytorch.org/docs/stable/amp.html)."""


@dataclass(frozen=True)
class Saved:
    """A tensor that is saved for the backward pass."""

    operation: str
    """What made it; `input` for an input of the layer."""
    shape: tuple[int, ...]
    dtype: torch.dtype

    @property
    def size(self) -> int:
        """Its bytes per token."""
        count = 1
        for each in self.shape:
            count *= each
        return count * self.dtype.itemsize // TOKENS


def plan(shape: Architecture, method: Any, dropout: float, targets: Any) -> Profile:
    """Return a plan with compiled layers."""
    full = method == "full"
    return Profile(
        device="cuda", method=method, rank=0 if full else 16,
        targets=() if full else preset(shape, targets), length=TOKENS, micro_batch=1,
        checkpointing=False, dtype="bfloat16", dropout=dropout, padded=True, autocast=True,
        fused=True, accumulates=False, attention="varlen", kernels="compiled",
    )  # fmt: skip


def config_of(name: str) -> dict[str, Any]:
    """Return the configuration of a model of the catalogue."""
    found = (one.config for one in lookup.models() if one.name.rpartition("/")[2] == name)
    return dict(next(found))


def partitions(config: Mapping[str, Any], profile: Profile) -> list[list[Saved]]:
    """Return what the first layer of a model saves, and what the second one does."""
    model = built(config, profile, (0, 1)).train()
    found: list[list[Saved]] = []
    uncached = torch._functorch.config.patch(enable_autograd_cache=False)
    as_on_card = [(module, name, _in_float32(module, name)) for module, name in IN_FLOAT32]
    as_on_card.append((varlen, "_row_by_row", _kernel))
    with uncached, changed(as_on_card), _spied(found):
        on_cpu(model)
        _pass(model)
    return found if len(found) > 1 else found * 2


def _pass(model: Any) -> None:
    """Compute nothing but the shapes of a pass of three rows."""
    base = model.get_base_model() if hasattr(model, "get_base_model") else model
    varlen.register()
    for module in base.modules():
        if hasattr(module, "config"):
            module.config._attn_implementation = varlen.NAME
    torch._dynamo.reset()
    for layer in stack(base):
        torch.nn.Module.compile(layer, dynamic=True, backend=_backend)
    bounds = torch.tensor([0, *accumulate(ROWS)], dtype=torch.int32)
    positions = torch.tensor([[at for row in ROWS for at in range(row)]])
    with torch.autocast("cpu", torch.bfloat16):
        base.get_decoder()(
            input_ids=torch.ones_like(positions), position_ids=positions, use_cache=False,
            cu_seq_lens_q=bounds, cu_seq_lens_k=bounds, max_length_q=max(ROWS),
            max_length_k=max(ROWS),
        )  # fmt: skip


def _kernel(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    bounds: torch.Tensor,
    scaling: float | None,
    window: int | None,
) -> torch.Tensor:
    """Attention as it is called on a card."""
    return varlen._flash(query, key, value, bounds, max(ROWS), scaling, window)


def _in_float32(module: Any, name: str) -> Any:
    """Return a function that computes in float32."""
    computed = getattr(module, name)

    def widened(value: torch.Tensor) -> torch.Tensor:
        made: torch.Tensor = computed(value.float())
        return made

    return widened


def _backend(graph: GraphModule, inputs: Sequence[Any]) -> Any:
    from torch._inductor.compile_fx import compile_fx

    return compile_fx(graph, inputs, inner_compile=_uncompiled)


def _uncompiled(graph: GraphModule, inputs: Sequence[Any], **_: Any) -> Any:
    """Return a function with the results' shapes, without their values."""
    from torch._subclasses.fake_tensor import FakeTensorMode

    def run(args: list[Any]) -> list[Any]:
        with FakeTensorMode(allow_non_fake_inputs=True) as mode:
            given = (mode.from_tensor(one) if torch.is_tensor(one) else one for one in args)
            made = graph(*given)
        args.clear()
        return [
            torch.empty_strided(one.shape, one.stride(), dtype=one.dtype)
            if torch.is_tensor(one)
            else one
            for one in made
        ]

    run._boxed_call = True  # type: ignore[attr-defined]
    return run


def _spied(found: list[list[Saved]]) -> Any:
    """Add what each partition saves to `found`."""
    from torch._inductor import compile_fx

    name = "min_cut_rematerialization_partition"
    divide = getattr(compile_fx, name)

    def divided(graph: GraphModule, inputs: Any, **named: Any) -> Any:
        forward, backward = divide(graph, inputs, **named)
        found.append(list(_saved(forward, named["num_fwd_outputs"])))
        return forward, backward

    return changed([(compile_fx, name, divided)])


def _saved(forward: GraphModule, outputs: int) -> Iterator[Saved]:
    """Yield the tensors with a row for each token, each storage once, without the angles of rotary
    embeddings, which all layers share."""
    made: Sequence[Any] = forward.graph.output_node().args[0]  # type: ignore[assignment]
    known = {_storage(one) for one in made[:outputs] if isinstance(one, Node)}
    for one in made[outputs:]:
        if not isinstance(one, Node) or not torch.is_tensor(one.meta.get("val")):
            continue
        source = _storage(one)
        value = source.meta["val"]
        shape = tuple(_hint(each) for each in value.shape)
        angles = source.op == "placeholder" and len(shape) == 3 and shape[-1] <= 256
        if source not in known and TOKENS in shape and not angles:
            known.add(source)
            yield Saved(_operation(source), shape, value.dtype)


def _hint(size: Any) -> int:
    """Return the number that a symbolic size had in this pass."""
    return int(size.node.hint) if isinstance(size, torch.SymInt) else int(size)


def _storage(node: Node) -> Node:
    """Return the node whose memory a node reads."""
    while node.op == "call_function":
        target: Any = node.target
        source = node.all_input_nodes[0] if node.all_input_nodes else node
        part = target is operator.getitem and getattr(source.target, "is_view", False)
        alias = target is torch.ops.aten._unsafe_view.default
        if not (part or alias or getattr(target, "is_view", False)):
            break
        node = source
    return node


def _operation(node: Node) -> str:
    if node.op == "placeholder":
        return "input"
    made_by: Any = node.args[0] if node.target is operator.getitem else node
    return str(made_by.target).rpartition(".")[0]


def sums(saved: Iterable[Saved]) -> dict[str, int]:
    """Return the bytes per token of what is saved, and of dropout's masks."""
    found = {"activations": 0, "dropout masks": 0}
    for one in saved:
        found["dropout masks" if one.dtype == torch.bool else "activations"] += one.size
    return found


def main() -> None:
    """Print what the second layer of each model saves, and the closed form's sum."""
    given = argparse.ArgumentParser()
    given.add_argument("models", nargs="+")
    given.add_argument("--method", default="lora")
    given.add_argument("--dropout", type=float, default=0.0)
    given.add_argument("--targets", default="all-linear")
    asked = given.parse_args()
    for name in asked.models:
        config = config_of(name)
        shape = architecture(config, name)
        profile = plan(shape, asked.method, asked.dropout, asked.targets)
        (_, second), block = partitions(config, profile), layers.blocks(shape)[0]
        for one in second:
            print(f"{one.size:8,}  {one.dtype}  {one.shape}  {one.operation}")
        closed = sum(compiled_layers.activations(shape, profile, block).values())
        print(f"{sum(sums(second).values()):8,} bytes per token; closed form {closed:,}")


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main()
