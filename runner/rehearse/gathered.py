"""Puts together what the processes of a rehearsal measured."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from pydantic import TypeAdapter

from planner.search.by_process import OneProcess, greatest, short
from planner.search.rehearsal import Measured

_MEASURED = TypeAdapter(Measured)


def gathered(found: Sequence[Sequence[Mapping[str, Any]]]) -> Measured | None:
    """Return the measurements of all processes, from the results of each by rank: the greatest ones
    of several. None if no process left any, or only some did with memory enough."""
    each = {rank: _MEASURED.validate_python(own[-1]) for rank, own in enumerate(found) if own}
    if len(found) == 1:
        return each.get(0)
    processes = tuple(_one(rank, own) for rank, own in each.items())
    lacking = short(processes)
    if not each or (len(each) < len(found) and not lacking):
        return None
    most = each[(lacking or greatest(processes)).rank]
    times = zip(*(one.step_seconds for one in each.values()), strict=False)
    return replace(
        most,
        reserved_bytes=max(one.reserved_bytes for one in each.values()),
        process_bytes=max(one.process_bytes for one in each.values()),
        main_bytes=max(one.main_bytes for one in each.values()),
        step_seconds=tuple(map(max, times)),
        evaluation_seconds=max(one.evaluation_seconds for one in each.values()),
        load_seconds=max(one.load_seconds for one in each.values()),
        seconds=max(one.seconds for one in each.values()),
        processes=processes,
    )


def _one(rank: int, own: Measured) -> OneProcess:
    return OneProcess(
        rank=rank,
        phase=own.phase,
        allocated_bytes=own.allocated_bytes,
        reserved_bytes=own.reserved_bytes,
        outside_bytes=own.context_bytes,
        main_bytes=own.main_bytes,
        step_seconds=own.warm_step_seconds,
        out_of_memory=own.out_of_memory,
    )
