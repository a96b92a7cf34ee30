"""What a rehearsal measured of several processes: a table of them, and what they exchange."""

from collections.abc import Iterator, Sequence

from lockfiles.measured import difference
from planner.parallelism.layouts import NAMES
from planner.search.by_process import OneProcess, greatest
from planner.search.rehearsal import Measured
from planner.speed import exchanged
from planner.speed.exchanged import Exchanged
from runner.rehearse.report import Report
from tui.snapshot.narrator import duration
from tui.terminal.table import table
from tui.terminal.units import memory

_MOST = 16
"""Processes that are shown one by one: of more, those with the greatest and the least peak."""
_ON_CARD = ("process", "peak", "reserved", "outside", "main memory", "step", "peak is")
_ON_CPU = ("process", "peak", "step", "peak is")


def tables(report: Report) -> list[str]:
    """Return the tables of several processes and of their exchange, each after an empty line; empty
    for one process."""
    found, on_card = report.found.measured, report.found.machine.kind == "cuda"
    lines: list[str] = []
    if found.processes:
        rows = [_row(one, report, on_card) for one in _shown(found.processes)]
        lines += ["", *table(rows, _ON_CARD if on_card else _ON_CPU)]
    if found.exchanged:
        times = [_times(one) for one in found.exchanged]
        lines += ["", *table(times, ("exchange", "of", "time", "each sends"))]
    return lines


def _shown(processes: Sequence[OneProcess]) -> Sequence[OneProcess]:
    if len(processes) <= _MOST:
        return processes
    ordered = sorted(processes, key=lambda one: -one.allocated_bytes)
    half = _MOST // 2
    return sorted((*ordered[:half], *ordered[-half:]), key=lambda one: one.rank)


def _row(one: OneProcess, report: Report, on_card: bool) -> Sequence[str]:
    step = duration(one.step_seconds) if one.step_seconds else "-"
    against = difference(one.allocated_bytes, report.peak_bytes)
    if one.out_of_memory:
        against = f"out of memory in `{one.out_of_memory}`"
    memories = [one.reserved_bytes, one.outside_bytes, one.main_bytes] if on_card else []
    return str(one.rank), memory(one.allocated_bytes), *map(memory, memories), step, against


def _times(one: Exchanged) -> Sequence[str]:
    took = f"{1000 * one.seconds:,.3g} ms"
    return one.collective, memory(one.tensor_bytes), took, speed(one.bytes_per_second)


def speed(bytes_per_second: float) -> str:
    """Return a rate as `312 GB/s`."""
    return f"{bytes_per_second / 1e9:,.3g} GB/s"


def what(report: Report) -> str:
    """Return which processes ran, as the end of a clause; empty for one without an engine."""
    ran, count = report.found.case.profile, report.locked_processes
    if ran.parallel == "single":
        return ""
    of = f" of {count}" if count > ran.ranks else ""
    noun = "process" if max(ran.ranks, count) == 1 else "processes"
    each = "each of " if ran.ranks > 1 else ""
    return f" in {each}{ran.ranks}{of} {noun} by {NAMES[ran.parallel]}"


def sentences(report: Report, again: str) -> Iterator[str]:
    """Yield which process needed most, and what the measured exchange rate means for a plan;
    `again` is the command that plans with it."""
    found = report.found.measured
    if len(found.processes) > 1 and report.found.fitted:
        yield _most(found, report.peak_bytes)
    rate = exchanged.rate(found.exchanged)
    if rate and report.found.machine.kind == "cuda":
        assumed = report.bytes_per_second
        than = f", {_against(rate, assumed, f'assumed {speed(assumed)}')}" if assumed else ""
        yield f"Each card sends {speed(rate)} to the next one{than}. `{again}` plans with that."


def _most(found: Measured, predicted: int) -> str:
    most = greatest(found.processes)
    least = min(found.processes, key=lambda one: one.allocated_bytes)
    alike = memory(most.allocated_bytes) == memory(least.allocated_bytes)
    who = "Each process needed" if alike else f"Process {most.rank} needed most,"
    said = (
        f"{who} {memory(most.allocated_bytes)} in `{most.phase}` "
        f"({_against(most.allocated_bytes, predicted, 'prediction')})"
    )
    if alike:
        return f"{said}."
    return f"{said}; process {least.rank} needed least, {memory(least.allocated_bytes)}."


def _against(measured: float, expected: float, name: str) -> str:
    """Return `4% above the prediction`, or `equal to the prediction`."""
    found = difference(measured, expected)
    return f"{found}{' to' if found == 'equal' else ''} the {name}"
