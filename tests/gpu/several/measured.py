"""Runs a line, and what is kept of it."""

import statistics
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tests import ranks as training
from tests.gpu.several.forks import run
from tests.gpu.several.line import Line

LONGEST_SECONDS = 150.0
"""Of a training, unless its line says otherwise."""
GIB = 1 << 30
WARM = 2
"""Steps whose times are left out."""
PROFILED = ("busy", "exchanged", "recompiled")
"""What a training leaves with `profile=1`, and the last of compiled layers."""
Measured = dict[str, Any]


def measured(line: Line, base: Path, work: Path) -> Measured:
    """Run a line and return what is kept of it. Raises AssertionError where a training failed."""
    case, began = line.case(base, work), time.monotonic()
    most = float(line.number("most", round(LONGEST_SECONDS)))
    before: list[float] = []
    if case.saves:
        stop = case.steps // 3
        before = training.losses(run(case.at(work, stop_after=stop), most))
    found, bare = _paired(case, line.number("bare", 0), most)
    told = kept(found) | {
        "line": line.text, "ranks": case.ranks, "length": case.longest, "rows": case.step_rows,
        "settings": case.train.model_dump(mode="json"), "resumed_at": len(before),
    }  # fmt: skip
    told["losses"] = before + told["losses"]
    told |= {key: found[0][key] for key in PROFILED if key in found[0]}
    if bare:
        told["bare"] = bare
    return told | {"seconds": round(time.monotonic() - began, 1)}


def _paired(
    case: training.Case, pairs: int, most: float
) -> tuple[list[dict[str, Any]], list[Measured]]:
    """Return the runner's training, and what is kept of each pair: of the bare script and of the
    runner. Every second pair begins with the bare script."""
    bare = case.at(case.work + "/bare", bare=True)
    if not pairs:
        return run(case, most), []
    found, told = [], []
    for number in range(pairs):
        both = [(case, run(case, most))] if number % 2 == 0 else []
        both.append((bare, run(bare, most)))
        if number % 2:
            both.append((case, run(case, most)))
        (plain,) = (one for of, one in both if of.bare)
        (found,) = (one for of, one in both if not of.bare)
        runner = {"runner_step_seconds": kept(found)["step_seconds"]}
        profiled = {key: plain[0][key] for key in PROFILED if key in plain[0]}
        told.append(kept(plain) | runner | profiled)
    return found, told


def kept(found: Sequence[dict[str, Any]]) -> Measured:
    """Return what is kept of what the processes of a training left."""
    steps = [one for one in found[0]["events"] if one["kind"] == "step"]
    every = [one["step_seconds"] for one in steps]
    seconds = every[WARM:] or [0.0]
    return {
        "shares": found[0]["shares"],
        "by_rank": [
            {key: value for key, value in one.items() if key.endswith("_bytes") or key == "first"}
            for one in found
        ],
        "step_seconds": statistics.median(seconds), "all_step_seconds": seconds,
        "first_step_seconds": every[:WARM],
        "tokens_per_step": statistics.median([one["tokens"] for one in steps]),
        "losses": training.losses(found),
    }  # fmt: skip


def told(found: Mapping[str, Any]) -> str:
    """Return a line's result in words."""
    if "missing" in found:
        return f"{found['line']}: FAILED: {found['missing'][-600:]}"
    peaks = [
        "/".join(
            f"{one.get(key, 0) / GIB:.2f}"
            for key in ("allocated_bytes", "reserved_bytes", "outside_bytes", "host_bytes")
        )
        for one in found["by_rank"]
    ]
    profiled = "".join(_profiled(found))
    profiled += "".join(
        f"\nbare{''.join(_profiled(one))}" for one in found.get("bare", ()) if "busy" in one
    )
    losses = " ".join(f"{one:.4f}" for one in found["losses"][:: max(1, len(found["losses"]) // 4)])
    bare = "".join(f", bare {one['step_seconds']:.3f} s" for one in found.get("bare", ()))
    return (
        f"{found['line']}: {found['step_seconds']:.3f} s{bare}, "
        f"{found['tokens_per_step'] / max(found['step_seconds'], 1e-9):,.0f} tokens/s, "
        f"GiB allocated/reserved/outside/host {' '.join(peaks)}, losses {losses}, "
        f"{found['shares']['wrapper']}, {found['seconds']} s{profiled}"
    )


def _profiled(found: Mapping[str, Any]) -> Iterator[str]:
    """Yield what a profile tells, if there is one."""
    if busy := found.get("busy"):
        names = ("step_seconds", "computes", "exchanges", "both")
        yield ", profiled: " + ", ".join(f"{name} {busy[name] * 1e3:.1f} ms" for name in names)
        yield f", {busy['kernels']:.0f} kernels\n{busy['host']}"
        for place, share in busy["places"].items():
            yield f"\n{share:.0%} {place}"
    yield from (f"\ncompiled again: {why}" for why in found.get("recompiled", ()))
    for one in found.get("exchanged", ()):
        rate = one["sent_bytes"] / one["seconds"] / GIB
        yield f"\n{one['collective']} of {one['tensor_bytes'] / GIB:.3f} GiB: {rate:.1f} GiB/s"
