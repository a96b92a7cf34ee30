"""What is kept of the machine that measured: its card, the speed of its host, and its links."""

import os
from collections.abc import Sequence
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
    numbers = ",".join(str(at) for at, _ in enumerate(found.gpus))
    cards = os.environ.get("CUDA_VISIBLE_DEVICES", numbers).split(",")
    # the host's own allocator settings are not those of trainings, which have a card each
    with patch.dict(os.environ):
        alone = min(*_host_seconds(cards[:1]), *_host_seconds(cards[:1]))
        together = _host_seconds(cards) if len(cards) > 1 else []
    return {
        "card": found.gpus[0].name, "host_seconds": alone, "together": together,
        "links": asdict(found.links), "memory_bytes": found.gpus[0].free_bytes,
    }  # fmt: skip


def _host_seconds(cards: Sequence[str]) -> list[float]:
    """Return the speed of the host as processes on each of some cards measure it at the same time;
    0 where one failed."""
    found = []
    for _, measured in each([HOST] * len(cards), at_once=len(cards), cards=cards):
        if isinstance(measured, str):
            print(f"the speed of the host is unknown: {measured}", flush=True)
        found.append(0.0 if isinstance(measured, str) else measured.warm_step_seconds)
    return found


def card_of(told: dict[str, Any]) -> Accelerator:
    """Return the catalogue's entry for the card of a machine, with its host and its links."""
    found = find_accelerator(told.get("card") or ASSUMED)
    links = host.linked(found.links, CardLinks(**told.get("links", {})), 1)
    measured = told.get("host_seconds") or 0.0
    slow = host.slowness(measured, found) if measured else host.ASSUMED
    return replace(found, host=slow, links=links)
