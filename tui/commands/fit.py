"""`tunelock fit MODEL`: which methods fit on this machine or a named GPU, before any download."""

import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from lockfiles.engines import SPREADING
from lockfiles.harmless import named
from lockfiles.limits import MOST_PROCESSES
from planner.objectives.registry import EVERY
from tui.terminal import output

if TYPE_CHECKING:
    from planner.fit.answers import Answer
    from planner.fit.subject import Subject
    from planner.fit.unknown import UnknownRequest
    from runner.trace import Traced


class _Number(click.FloatRange):
    """A number in a range, which `nan` is not."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        number: float = super().convert(value, param, ctx)
        if math.isnan(number):
            self.fail(f"`{value}` is not a number.", param, ctx)
        return number


@click.command(name="fit")
@click.argument("model", required=False)
@click.option(
    "--gpu", metavar="NAME[:COUNT]", help="Plan for these GPUs instead of this machine's."
)
@click.option(
    "--memory", type=_Number(min=1, max=4096), metavar="GIB",
    help="Plan for one GPU with this much memory and with bfloat16.",
)  # fmt: skip
@click.option(
    "--nodes", type=click.IntRange(1, MOST_PROCESSES), default=1,
    help="Number of such machines.  [default: 1]",
)  # fmt: skip
@click.option(
    "--network", type=_Number(min=0.1, max=100_000), metavar="GBITS",
    help="Network between them, in Gbit/s for each.  [default: 100]",
)  # fmt: skip
@click.option(
    "--ram", "ram_gib", type=_Number(min=1, max=65536), metavar="GIB",
    help="Main memory of a machine with them.  [default: 256 for each GPU]",
)  # fmt: skip
@click.option(
    "--objective", type=click.Choice(EVERY), default=EVERY[0],
    help=f"Training objective.  [default: {EVERY[0]}]",
)  # fmt: skip
@click.option("--method", type=click.Choice(["full", "lora", "qlora"]), help="[default: all]")
@click.option("--rank", type=click.IntRange(1, 1024), help="Adapter rank.  [default: 16]")
@click.option(
    "--length", type=click.IntRange(8, 1 << 20),
    help="Maximum row length in tokens.  [default: 2048]",
)  # fmt: skip
@click.option("--micro-batch", type=click.IntRange(1, 65536), help="Batch size on each GPU.")
@click.option("--checkpointing/--no-checkpointing", default=None, help="Gradient checkpointing.")
@click.option(
    "--optimizer",
    type=click.Choice(["adamw_torch", "adamw_torch_fused", "adamw_8bit", "paged_adamw_8bit"]),
    help="Name in transformers.  [default: adamw_torch_fused, or adamw_torch on CPU]",
)
@click.option("--dropout", type=_Number(0, 0.9), help="Adapter dropout.  [default: 0.05]")
@click.option(
    "--accumulation",
    type=click.IntRange(1, 65536),
    help="Gradient accumulation: micro-batches per step.",
)
@click.option(
    "--packing/--no-packing", default=None,
    help="Concatenate rows without padding, or pad them.  [default: the faster]",
)  # fmt: skip
@click.option(
    "--parallel", type=click.Choice(SPREADING),
    help="How to use several GPUs.",
)  # fmt: skip
@click.option(
    "--offload", type=click.Choice(["none", "optimizer", "all", "nvme"]),
    help="What to offload to main memory, or all to NVMe.",
)  # fmt: skip
@click.option("--trace", is_flag=True, help="Also trace one step of the real model class.")
@click.option(
    "--families", "listed", is_flag=True,
    help="List the supported families of models and what each can, instead.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print the plans as JSON.")
def command(
    model: str | None,
    gpu: str | None,
    memory: float | None,
    nodes: int,
    network: float | None,
    ram_gib: float | None,
    trace: bool,
    listed: bool,
    as_json: bool,
    **wished: object,
) -> None:
    """Show which methods fit for MODEL, how much memory they need, and why.

    MODEL is a built-in name, a Hub id, a folder or a config.json. Settings that you do not give
    are chosen for you.
    """
    if listed or model is None:
        return _families(model, listed, as_json)

    from planner.fit import answers, machines, models
    from planner.fit.request import FitRequest, Wish

    machine = machines.chosen(gpu, memory, nodes, network, ram_gib)
    wish = Wish(nodes=nodes, ram_gib=ram_gib, **wished)  # type: ignore[arg-type]
    try:
        request = FitRequest(models.find(model), machine, wish, padded=trace)
    except models.UnknownModel as unknown:
        from planner.fit.unknown import UnknownRequest

        return _unknown(UnknownRequest(unknown, machine, wish), as_json)
    found = answers.answers(request)
    traces = None
    if trace:
        from tui.text import trace as traced

        traces = traced.traced(request, found)
    if as_json:
        output.data_json(_record(request, found, traces))
    else:
        from tui.text import fit

        output.lines(fit.page(request, found))
        if traces:
            output.lines(traced.lines(found, traces))
    if not any(answer.plan.fits for answer in found):
        raise answers.refusal(request, found)


def _families(model: str | None, listed: bool, as_json: bool) -> None:
    """Show what each family can."""
    if not listed:
        raise click.UsageError("Missing argument 'MODEL'.")
    if model is not None:
        raise click.UsageError(f"`--families` lists every family; leave out `{named(model)}`.")
    from planner.fit.families import families

    if as_json:
        output.data_json({"families": [asdict(one) for one in families()]})
    else:
        from tui.text.families import page

        output.lines(page(families()))


def _unknown(request: "UnknownRequest", as_json: bool) -> None:
    """Show the same for a model whose architecture the closed form does not know."""
    from tui.text import fit, unknown

    request, found = unknown.answered(request)
    if as_json:
        output.data_json(_record(request, found, unknown.traces(found)))
    else:
        output.lines([*fit.page(request, found), *unknown.lines(request)])
    if not any(answer.plan.fits for answer in found):
        raise request.refusal(found)


def _record(
    request: "Subject", found: "Sequence[Answer]", traces: "Sequence[Traced | None] | None"
) -> dict[str, object]:
    """Return the JSON output, with the peak of each traced plan."""
    from planner.fit import answers

    record = answers.record(request, found)
    plans = record["plans"]
    assert isinstance(plans, list)
    for plan, one in zip(plans, traces or [None] * len(plans), strict=True):
        plan["traced_allocated_bytes"] = one.allocated_bytes if one else None
    return record
