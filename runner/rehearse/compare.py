"""Times the steps of several plans in one process, one plan after the other."""

import gc
import json
import sys
import time
import traceback
from collections.abc import Sequence
from dataclasses import replace

import torch

from runner.rehearse.case import Case
from runner.rehearse.measure import measure


def compare(cases: Sequence[Case], ends: float) -> None:
    """Time each case, and print for each a line when it begins and one with its times, as JSON.

    They share the time until `ends`, by the monotonic clock. Cases whose layers are compiled come
    last: with kernels in torch's caches they need few seconds, without them perhaps more than there
    are. A case that fails leaves the others alone.
    """
    order = sorted(range(len(cases)), key=lambda at: cases[at].profile.kernels == "compiled")
    for done, at in enumerate(order):
        left = ends - time.monotonic()
        limit = max(1.0, left / (len(order) - done))
        _print({"at": at})
        _print({"at": at, **_timed(replace(cases[at], limit_seconds=limit))})


def _print(line: dict[str, object]) -> None:
    print(json.dumps(line), flush=True)


def _timed(case: Case) -> dict[str, object]:
    """Return the seconds of the steps after the first one, or why there are none."""
    try:
        found = measure(case)
    except Exception:
        print(traceback.format_exc(), file=sys.stderr, flush=True)
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
