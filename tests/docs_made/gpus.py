"""The page of the GPUs that are known by name."""

from itertools import groupby

from planner.catalogue.lookup import Accelerator, accelerators

_GIB = 1 << 30
_INTRO = """\
# GPUs by name

`tunelock fit --gpu NAME` accepts these names, with or without the vendor's name, spaces and case,
and the names that drivers and clouds give, such as `NVIDIA A100-SXM4-80GB`, `A100_SXM4` or
`nvidia-a100-80gb`. A name without a size stands for the card with less memory. A card in a laptop
is another card than the desktop's. For a GPU that is not here, use `--memory GIB`.

- Memory: what the driver shows.
- Usable: what a process gets of it when nothing else runs, measured or by a rule. Of memory that
  the processor shares, a tenth is left for the system; of an Apple chip, Metal's recommendation
  counts.
- bf16: dense rate of the matrix units. Without one, there is no estimate of step times.

Step times were measured on the H200 and the H100. Other NVIDIA cards are scaled to their rates.
AMD and Apple were not measured. Training on Intel cards is not supported."""
_HEAD = """\
| name | memory | usable | bandwidth | bf16 | {kind} |
|---|---|---|---|---|---|"""


def page() -> str:
    """Return the page: a table for each vendor."""
    vendors = groupby(accelerators(), key=lambda card: card.vendor)
    return "\n\n".join([_INTRO, *(_vendor(name, list(cards)) for name, cards in vendors)])


def _vendor(name: str, cards: list[Accelerator]) -> str:
    kind = "compute capability" if name == "NVIDIA" else "instruction set"
    return "\n".join([f"## {name}\n", _HEAD.format(kind=kind), *map(_row, cards)])


def _row(card: Accelerator) -> str:
    rate = f"{card.bf16_flops / 1e12:g} TFLOPS" if card.bf16_flops else "-"
    cells = (
        card.name,
        f"{card.memory_bytes / _GIB:.1f} GiB",
        f"{card.usable_bytes / _GIB:.1f} GiB",
        f"{card.bandwidth_bytes_per_second / 1e9:,.0f} GB/s",
        rate,
        card.compute_capability or "-",
    )
    return f"| {' | '.join(cells)} |"
