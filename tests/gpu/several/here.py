"""What is kept of the machine that measured: its card, the speed of its host, and its links."""

import os
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

from planner.catalogue.lookup import Accelerator, find_accelerator
from planner.machines.facts import CardLinks
from planner.machines.probes.probe import probe
from planner.speed import host
from runner.rehearse.host import HOST
from tests.gpu.forked import each

ASSUMED = "H100 SXM"
"""The card of estimates where there is none."""


def here() -> dict[str, Any]:
    """Return the facts of this machine that step times depend on; a host without a card is not
    measured."""
    found = probe(Path("/"))
    if not found.gpus:
        return {"card": "", "host_seconds": 0.0, "links": asdict(found.links)}
    one_card = os.environ.get("CUDA_VISIBLE_DEVICES", "0").split(",")[0]
    # the host's own allocator settings are not those of trainings, which have a card each
    with patch.dict(os.environ, {"CUDA_VISIBLE_DEVICES": one_card}):
        ((_, measured),) = each([HOST])
    if isinstance(measured, str):
        print(f"the speed of the host is unknown: {measured}", flush=True)
    seconds = 0.0 if isinstance(measured, str) else measured.warm_step_seconds
    return {
        "card": found.gpus[0].name, "host_seconds": seconds, "links": asdict(found.links),
        "memory_bytes": found.gpus[0].free_bytes,
    }  # fmt: skip


def card_of(told: dict[str, Any]) -> Accelerator:
    """Return the catalogue's entry for the card of a machine, with its host and its links."""
    found = find_accelerator(told.get("card") or ASSUMED)
    links = host.linked(found.links, CardLinks(**told.get("links", {})), 1)
    measured = told.get("host_seconds") or 0.0
    slow = host.slowness(measured, found) if measured else host.ASSUMED
    return replace(found, host=slow, links=links)
