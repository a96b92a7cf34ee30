"""Measures the speed of a card's host, by steps of a model that needs almost nothing of the card.

Python, autograd and the trainer launch every operation of a step. If the card is faster, the host
determines the time of the step; hosts of the same card differ by up to a third.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from lockfiles.errors import UsageProblem
from planner.catalogue.links import Links
from planner.catalogue.lookup import Accelerator, find_accelerator
from planner.machines.facts import CardLinks, MachineFacts
from planner.models.architecture import architecture
from planner.models.facts import Architecture
from planner.models.parameters import parameter_count
from planner.setup.setup import Profile
from planner.speed.accelerator import Rated
from planner.speed.step import step_seconds

ASSUMED = 1.17
"""The slowness of a host that was not measured, relative to the host of the coefficients: about the
median of 183 measurements on hosts of H100s and H200s (`tests/planner/speed/test_host.py`)."""
SLOW = 2.0
"""That of a slow host: measured were up to 1.67, and compiled layers without recorded passes took
as long as on hosts of 1.7 and 2.1."""
MATTERS = 1.2
"""A plan depends on its host if a slow one takes so many times as long."""

CONFIG: Mapping[str, Any] = {
    "model_type": "llama",
    "hidden_size": 256,
    "intermediate_size": 512,
    "num_hidden_layers": 8,
    "num_attention_heads": 4,
    "num_key_value_heads": 4,
    "vocab_size": 512,
    "max_position_embeddings": 64,
    "tie_word_embeddings": True,
}
"""The model's `config.json`."""
PROFILE = Profile(
    device="cuda",
    method="lora",
    rank=8,
    targets=("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"),
    length=32,
    micro_batch=1,
    checkpointing=True,
    dtype="bfloat16",
    dropout=0.05,
    padded=False,
    autocast=True,
    fused=True,
    accumulates=False,
)
"""Its training setup, with one micro-batch per step."""


@dataclass(frozen=True)
class _Model:
    architecture: Architecture
    parameters: int
    stored_bytes: int = 0


def slowness(measured_seconds: float, card: Rated) -> float:
    """Return the slowness of a host, relative to the one that the coefficients were fitted to.

    `measured_seconds` is the time of a step of this model on it, with a card of the catalogue.
    """
    shape = architecture(CONFIG, "host")
    expected = step_seconds(_Model(shape, parameter_count(shape)), PROFILE, card, 1)
    return measured_seconds / expected if expected else 1.0


def accelerator(
    machine: MachineFacts, host_seconds: float = 0.0, nodes: int = 1
) -> Accelerator | None:
    """Return the catalogue's entry for a machine's cards, or None; of several, the slowest's.

    `host_seconds` is the measurement of a rehearsal on the machine; 0 if there is none, for a usual
    host. `nodes` is the number of such machines that train together.
    """
    try:
        cards = [find_accelerator(name) for name in {gpu.name: None for gpu in machine.gpus}]
    except UsageProblem:
        return None
    if not cards:
        return None
    found = min(cards, key=lambda card: card.bf16_flops)
    links = linked(found.links, machine.links, nodes)
    host = slowness(host_seconds, found) if host_seconds else ASSUMED
    return replace(found, links=links, host=host)


def on_slow_host(card: Accelerator) -> Accelerator:
    """Return a card on a slow host."""
    return replace(card, host=SLOW)


def said(usual_seconds: float, slow_seconds: float) -> str:
    """Return a sentence on a step whose host was not measured, from its seconds on a usual and on a
    slow host; empty if the host hardly matters."""
    if slow_seconds < MATTERS * usual_seconds:
        return ""
    return (
        f"The card waits for its host, whose speed was not measured: on a slow one, a step takes "
        f"{slow_seconds:.2g} s."
    )


def linked(usual: Links, known: CardLinks, nodes: int) -> Links:
    """Return how fast cards exchange data: as is known of a machine, else as is usual."""
    return Links(
        round(known.card_bytes_per_second) or usual.card_bytes_per_second,
        round(known.network_bytes_per_second) or usual.host_bytes_per_second,
        nodes,
    )
