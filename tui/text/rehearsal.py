"""The result of `tunelock rehearse` as a table."""

from collections.abc import Iterator

from lockfiles.measured import against_prediction, difference
from planner.search import timed_reasons
from planner.search.rehearsal import PHASES, Rehearsal
from planner.search.tuned import Finalist, Tuned
from runner.rehearse.report import DIFFERS, Report
from tui.snapshot.narrator import duration
from tui.terminal.table import table
from tui.terminal.units import memory
from tui.terminal.wrap import all_folded, folded
from tui.text import by_process

AGAIN = "tunelock plan --facts rehearsal.json"
_HEAD = ("", "predicted", "measured", "measured is")
_NAMES = {"lora": "LoRA", "qlora": "QLoRA", "full": "full fine-tuning"}


def page(report: Report, again: str = AGAIN) -> list[str]:
    """Return what was run, a table of measurements, and the verdict. `again` is the command that
    plans with them."""
    return [
        *_finalists(report.found, again),
        *folded(f"{_what(report)}, random weights"),
        "",
        *table(_rows(report), _HEAD),
        *by_process.tables(report),
        "",
        *all_folded(_sentences(report, again)),
    ]


def _what(report: Report) -> str:
    """Return a description of what was run."""
    found, case = report.found, report.found.case
    profile = case.profile
    method = _NAMES[profile.method] + (f" rank {profile.rank}" if profile.rank else "")
    rows = f"{profile.micro_batch} rows" if profile.micro_batch > 1 else "1 row"
    several = f"{case.accumulation} x " if case.accumulation > 1 else ""
    upto = f"{max(case.lengths)} tokens{by_process.what(report)}"
    return f"{method}, {case.steps} steps of {several}{rows} of up to {upto} on {_device(found)}"


def _finalists(found: Rehearsal, again: str) -> list[str]:
    """Return a table of the plans that were compared, and a sentence on the one that was kept."""
    if not found.tuned:
        return []
    kept = found.tuned.index(found.case.profile)
    rows = [
        (timed_reasons.way(one.profile), _took(found.tuned, one), "kept" if at == kept else "")
        for at, one in enumerate(found.tuned.finalists)
    ]
    lines = [*table(rows, ("plan", "step", "")), ""]
    if kept:
        lines += [*folded(f"The planned one is not the fastest; to change it: `{again}`."), ""]
    return lines


def _took(tuned: Tuned, one: Finalist) -> str:
    seconds = tuned.step_seconds(one.profile)
    if not seconds:
        return f"not timed: {timed_reasons.UNTIMED[one.untimed]}"
    return f"{seconds:.2g} s" if seconds < 1 else duration(seconds)


def _rows(report: Report) -> Iterator[tuple[str, str, str, str]]:
    measured = report.found.measured
    on_card = report.found.machine.kind == "cuda"
    for name in PHASES if on_card else ():  # resident memory does not fall after its peak
        if name in measured.peaks:
            yield _bytes(name, report.phases.get(name, 0), measured.peaks[name])
    yield _bytes("peak", report.peak_bytes, measured.allocated_bytes)
    if measured.reserved_bytes:
        yield _bytes("reserved", 0, measured.reserved_bytes)
    if measured.processes and on_card:
        yield _bytes("outside", report.outside_bytes, measured.context_bytes)
    if measured.process_bytes:
        yield _bytes("process", report.process_bytes, measured.process_bytes)
    if measured.main_bytes and on_card:
        yield _bytes("main memory", report.main_bytes, measured.main_bytes)
    if seconds := measured.warm_step_seconds:
        expected = duration(report.step_seconds) if report.step_seconds else "-"
        yield ("step", expected, duration(seconds), _difference(report.step_seconds, seconds))


def _bytes(name: str, predicted: int, measured: int) -> tuple[str, str, str, str]:
    expected = memory(predicted) if predicted else "-"
    return name, expected, memory(measured), _difference(predicted, measured)


def _difference(predicted: float, measured: float) -> str:
    return difference(measured, predicted) if predicted else "-"


def _sentences(report: Report, again: str) -> Iterator[str]:
    found = report.found
    measured = found.measured
    if not found.fitted:
        who = f"process {found.short.rank} ran " if found.short else ""
        phase = measured.out_of_memory
        yield f"Does not fit on {_device(found)}: {who}out of memory in `{phase}`."
        yield from by_process.sentences(report, again)
        return
    taken = measured.process_bytes or measured.allocated_bytes
    taken *= found.case.profile.ranks if found.machine.kind == "cpu" else 1
    total = memory(found.machine.memory_bytes)
    yield f"Fits on {_device(found)}: needs {memory(taken)} of {total}."
    yield from by_process.sentences(report, again)
    yield from _elsewhere(report)
    if abs(report.error) > DIFFERS:
        yield (
            f"The peak was {_against(report)}, more than {DIFFERS:.0%}. "
            f"To plan with the measured one: `{again}`."
        )


def _against(report: Report) -> str:
    return against_prediction(1 + report.error, 1)


def _elsewhere(report: Report) -> Iterator[str]:
    """Yield a sentence if the lock was planned for another GPU than this one."""
    planned, found = report.planned_for, report.found
    if planned.accelerator != found.machine.card:
        there = found.measured.process_bytes <= planned.memory_bytes
        yield (
            f"The lock was planned for `{planned.accelerator}` with "
            f"{memory(planned.memory_bytes)}, which {'is' if there else 'is not'} enough for this."
        )


def _device(found: Rehearsal) -> str:
    return found.where if found.machine.card else "this machine"
