"""The result of `tunelock fit` as a table."""

from collections.abc import Sequence
from math import prod
from statistics import mean, median

from lockfiles.harmless import named
from lockfiles.measured import rate
from planner.fit.answers import Answer
from planner.fit.subject import Subject
from planner.machines.facts import MachineFacts
from planner.parallelism import layouts
from planner.search.wording import NAMES, OFFLOADED
from tui.terminal.units import memory
from tui.terminal.wrap import all_folded, folded

_HEAD = ("method", "fits", "needs", "budget", "batch", "checkpointing", "step")
_SAID_BYTES = 1 << 30
"""Main memory of a process from which it is said what that of a machine is assumed to be."""


def page(request: Subject, found: Sequence[Answer]) -> list[str]:
    """Return the model and the machine, a line per method, and the reasons."""
    lines = [
        _model(request),
        *_quantized(request),
        *_machine(request),
        *_main_memory(request, found),
        *folded(_rows(request)),
        "",
        *_table(found),
    ]
    for answer in found:
        name = NAMES[answer.plan.profile.method]
        setting = _setting(answer, differ=bool(request.lengths))
        lines += ["", *folded(f"{name[0].upper()}{name[1:]}, {setting}:")]
        lines += all_folded(f"  {reason}" for reason in answer.reasons)
    return lines


def _model(request: Subject) -> str:
    model = request.model
    license = f", license {model.license}" if model.license else ""
    gated = f", gated on the Hub (seen {model.gate_seen})" if model.gated else ""
    return f"{named(model.name)}: {_count(model.parameters)} parameters{license}{gated}"


def _quantized(request: Subject) -> list[str]:
    """Return which weights the plans are for, where training cannot load the published ones."""
    model = request.model
    if not model.quantized:
        return []
    copy = "an unquantized copy, which you have to make first"
    if model.unquantized:
        copy = f"its unquantized copy `{model.unquantized}`"
    return folded(
        f"Its published weights are quantized ({model.quantized}), and training cannot load them. "
        f"The plans are for {copy}."
    )


def _count(number: int) -> str:
    if number < 10**6:
        return f"{number:,}"
    unit, name = (10**9, "billion") if number >= 10**9 else (10**6, "million")
    return f"{number / unit:.2f} {name}"


def _machine(request: Subject) -> list[str]:
    machine = request.machine
    if not machine.gpus:
        return _without_cards(machine)
    count, nodes = len(machine.gpus) // request.nodes, request.nodes
    several = f"{count} x " if count > 1 or nodes > 1 else ""
    several = f"{nodes} machines with {several}" if nodes > 1 else several
    least = min(machine.gpus, key=lambda gpu: gpu.free_bytes)
    each = " each" if several else ""
    free = "" if least.free_bytes == least.memory_bytes else f", {memory(least.free_bytes)} free"
    return [f"{several}{named(least.name)}: {memory(least.memory_bytes)}{each}{free}"]


def _main_memory(request: Subject, found: Sequence[Answer]) -> list[str]:
    """Return the main memory that is assumed, where a plan depends on it or none fits."""
    counts = any(not one.plan.fits or one.plan.host_bytes >= _SAID_BYTES for one in found)
    if not (request.machine.ram_assumed and counts):
        return []
    each = " each" if request.nodes > 1 else ""
    size = memory(request.machine.ram_bytes // request.nodes)
    return folded(f"main memory: assumed, {size}{each}; set it with `--ram`")


def _rows(request: Subject) -> str:
    """Return which rows are assumed."""
    longest, lengths = request.longest, request.lengths
    if not lengths:
        return f"rows: every one counts as {longest:,} tokens"
    usual = f"half of them up to {median(lengths):,.0f} tokens, the longest {longest:,}"
    return f"rows: assumed, {usual}, {mean(lengths):,.0f} on average"


def _without_cards(machine: MachineFacts) -> list[str]:
    """Return the machine's CPU and memory, and why its GPUs, if any, cannot be used."""
    where = f"the CPU of {machine.processor}" if machine.metal_bytes else "without a GPU"
    line = f"this machine, {where}: {memory(machine.ram_bytes)} of main memory"
    return [line, *(folded(machine.problem) if machine.problem else [])]


def _setting(answer: Answer, *, differ: bool) -> str:
    profile = answer.plan.profile
    parts = [f"rank {profile.rank}"] if profile.rank else []
    upto = "up to " if differ else ""
    parts += [f"rows of {upto}{profile.length:,} tokens", f"`{profile.optimizer}`"]
    parts += [layouts.NAMES[profile.parallel]] if profile.parallel != "single" else []
    parts += [OFFLOADED[profile.offload]] if profile.offload != "none" else []
    parts += [rate(answer.rate.tokens_per_second, answer.rate.flops_share)] if answer.rate else []
    return ", ".join(parts)


def _table(found: Sequence[Answer]) -> list[str]:
    rows = [_HEAD, *map(_row, found)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def _row(answer: Answer) -> tuple[str, ...]:
    plan, profile = answer.plan, answer.plan.profile
    seconds = answer.step_seconds if plan.fits else None
    each = (profile.micro_batch, plan.accumulation, *([profile.ranks] * (profile.ranks > 1)))
    batch = f"{prod(each)} rows" if profile.pass_tokens else " x ".join(map(str, each))
    return (
        NAMES[profile.method],
        "yes" if plan.fits else "no",
        memory(plan.wanted_bytes),
        memory(plan.budget_bytes),
        batch,
        "on" if profile.checkpointing else "off",
        "-" if seconds is None else f"~{seconds:.{0 if seconds >= 10 else 1}f} s",
    )
