"""The machine of `tunelock fit`: this one, cards by name, or a card of some size."""

import re
from dataclasses import replace
from pathlib import Path

from lockfiles import limits
from lockfiles.errors import UsageProblem
from lockfiles.fixes import Advice, Option
from planner.catalogue.card_memory import usable_bytes
from planner.catalogue.instances import find_instance
from planner.catalogue.lookup import Accelerator, find_accelerator
from planner.machines.facts import CardLinks, Gpu, MachineFacts
from planner.machines.probes.probe import probe

GIB = 1 << 30
ASSUMED_RAM_BYTES = 256 * GIB
"""Main memory for each card of a machine that is known only by them; a DGX H100 has 2 TiB for eight
cards."""
_COUNTED = re.compile(r"([1-9]\d{0,2}) ?[xX] ?(\S.*)|(\S.*?) ?[xX] ?([1-9]\d{0,2})")
_MOST_COUNTED_CHARS = 100


def chosen(
    gpu: str | None,
    memory_gib: float | None,
    nodes: int = 1,
    network_gbits: float | None = None,
    ram_gib: float | None = None,
) -> MachineFacts:
    """Return a machine with the named cards or a card of that size, this machine without either;
    of several such machines, what they have together.

    `ram_gib` is the main memory of each, which is assumed otherwise. Raises UsageProblem where both
    are given, for several machines without cards, for main memory of this machine or of a card
    without memory of its own, and as `named` does.
    """
    found = _one(gpu, memory_gib)
    if ram_gib is not None:
        found = _with_ram(found, ram_gib)
    if nodes == 1:
        return found
    if not found.gpus:
        raise UsageProblem(
            "`--nodes` is for machines with GPUs, but this machine has none.",
            fix=Option("--gpu NAME:COUNT"),
        )
    if len(found.gpus) * nodes > limits.MOST_PROCESSES:
        raise UsageProblem(
            f"`--nodes {nodes}` has {len(found.gpus) * nodes:,} cards; a training can have up to "
            f"{limits.MOST_PROCESSES:,}.",
            fix=Option("--nodes {}", str(limits.MOST_PROCESSES // len(found.gpus)), to="use"),
        )
    return _together(found, nodes, network_gbits)


def _together(machine: MachineFacts, nodes: int, network_gbits: float | None) -> MachineFacts:
    """Return what several machines like this one have together."""
    links = machine.links
    if network_gbits:
        links = replace(links, network_bytes_per_second=network_gbits * 1e9 / 8)
    return replace(machine.several(nodes), links=links)


def _with_ram(machine: MachineFacts, gib: float) -> MachineFacts:
    if not machine.ram_assumed:
        raise UsageProblem(
            "`--ram` is for GPUs that are given by name or size and have memory of their own.",
            fix=(Option("--ram", to="leave out"), Option("--gpu NAME:COUNT")),
        )
    size = int(gib * GIB)
    return replace(machine, ram_bytes=size, ram_free_bytes=size, ram_assumed=False)


def _one(gpu: str | None, memory_gib: float | None) -> MachineFacts:
    if gpu is not None and memory_gib:
        raise UsageProblem(
            "`--gpu` and `--memory` cannot be combined.", fix=Advice("remove one of them")
        )
    if gpu is not None:
        return named(gpu)
    return sized(memory_gib) if memory_gib else probe(Path.cwd())


def named(text: str) -> MachineFacts:
    """Return a machine with the cards of `NAME` or `NAME:COUNT`.

    Raises UsageProblem for an unknown name, with the nearest known one, for an instance of a cloud,
    with its cards, and for a bad count.
    """
    name, colon, count = text.partition(":")
    count = count if colon else "1"
    if not count.isdecimal() or not 1 <= int(count) <= 1024:
        raise UsageProblem(
            f"`{count}` in `--gpu {text}` is not a number of cards (1 to 1024).",
            fix=Option("--gpu {}", f"{name}:2", to="use"),
        )
    try:
        return cards(find_accelerator(name), int(count))
    except UsageProblem as problem:
        if instance := find_instance(name):
            raise UsageProblem(
                f"`{name}` is a cloud instance with {instance.count} x `{instance.card}`.",
                fix=Option("--gpu {}", f"{instance.card}:{instance.count}", to="use"),
            ) from None
        meant = "" if colon else _counted(name)
        fix = Option("--gpu {}", meant, to="use") if meant else problem.fix
        raise UsageProblem(*problem.said, fix=fix) from None


def _counted(text: str) -> str:
    """Return `2x NAME` or `NAME x2` as `NAME:2`, if the card is known; otherwise nothing."""
    found = _COUNTED.fullmatch(text[:_MOST_COUNTED_CHARS])
    if not found:
        return ""
    name, count = (found[2], found[1]) if found[1] else (found[3], found[4])
    try:
        return f"{find_accelerator(name).name}:{int(count)}"
    except UsageProblem:
        return ""


def cards(card: Accelerator, count: int) -> MachineFacts:
    """Return a machine with `count` free cards of one kind.

    Of memory that is shared with the processor, only the available share counts: for an Apple chip
    what Metal recommends. Raises UsageProblem for several cards of a kind that is built in.
    """
    if card.built_in and count > 1:
        raise UsageProblem(
            f"`{card.name}` is built into its machine, so there is only one.",
            fix=Option("--gpu {}", card.name, to="use"),
        )
    free = card.usable_bytes
    total = free if card.unified else card.memory_bytes
    gpus = (Gpu(card.name, total, free, card.compute_capability),) * count
    return _elsewhere(gpus, 0 if card.built_in else ASSUMED_RAM_BYTES)


def together(
    card: Accelerator, count: int, nodes: int, ram_gib: float | None, links: CardLinks
) -> MachineFacts:
    """Return what `nodes` machines with `count` free cards each have together, connected by the
    network of `links`. `ram_gib` is the main memory of each, which is assumed otherwise."""
    found = cards(card, count)
    if ram_gib is not None and found.ram_assumed:
        found = _with_ram(found, ram_gib)
    network = CardLinks(network_bytes_per_second=links.network_bytes_per_second)
    return replace(found.several(nodes), links=network)


def sized(gib: float, *, all_free: bool = False) -> MachineFacts:
    """Return a machine with one card of `gib` GiB that supports bfloat16.

    Its driver keeps what NVIDIA's keeps of such a card, unless `all_free`.
    """
    size = int(gib * GIB)
    free = size if all_free else usable_bytes("NVIDIA", size, measured_bytes=0, unified=False)
    return _elsewhere((Gpu(f"{gib:g} GiB card", size, free, "8.0"),), ASSUMED_RAM_BYTES)


def _elsewhere(gpus: tuple[Gpu, ...], ram_bytes: int) -> MachineFacts:
    """Return a machine that is known only by its cards, with so much main memory for each."""
    every = ram_bytes * len(gpus)
    return MachineFacts("cuda", gpus, 1, every, every, 0, "", ram_assumed=every > 0)
