"""Times the steps of several plans in one process, one plan after the other."""

import gc
import time
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import replace

import torch

from runner.rehearse.case import Case
from runner.rehearse.measure import measure

LEAST_SECONDS = 0.001
"""The limit of a case for which no time is left: it is timed by one step."""


def compare(cases: Sequence[Case], ends: float) -> Iterator[dict[str, object]]:
    """Time each case, and yield its number `at` when it begins, and with its times after it.

    They share the time until `ends`, by the monotonic clock. Cases whose layers are compiled come
    last: with kernels in torch's caches they need few seconds, without them perhaps more than there
    are. A case that fails leaves the others alone.
    """
    order = sorted(range(len(cases)), key=lambda at: cases[at].profile.kernels == "compiled")
    for done, at in enumerate(order):
        left = ends - time.monotonic()
        limit = max(LEAST_SECONDS, left / (len(order) - done))
        yield {"at": at}
        yield {"at": at, **_timed(replace(cases[at], limit_seconds=limit))}


def _timed(case: Case) -> dict[str, object]:
    """Return the seconds of the steps after the first one, or why there are none."""
    try:
        found = measure(case)
    except Exception:
        traceback.print_exc()
        return {"untimed": "failed"}
    finally:
        _forget()
    if found.out_of_memory:
        return {"untimed": "memory"}
    return {"step_seconds": found.step_seconds[1:]}


def _forget() -> None:
    """Return the memory and the compiled layers of a plan."""
    gc.collect()
    if torch.cuda.is_available():
        torch.compiler.reset()
        torch.cuda.empty_cache()
