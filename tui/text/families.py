"""The table of `tunelock fit --families`."""

import textwrap
from collections.abc import Iterator, Sequence

from planner.fit.families import FamilyFacts

WIDTH = 80
_HEAD = ("family", "experts", "QLoRA", "packing", "reward", "GGUF", "mixes tokens by")
_NOTES = (
    "Every family is trained with all of its weights or with LoRA, and merged.",
    "QLoRA: the share of the weights that it quantizes, in the family's smallest",
    "known model. A family of which no model is built in has `-`. Reward: whether",
    "transformers has a class with a single output. `--json` also names the layers",
    "that LoRA adapts, the attention kernel, and the multimodal models around a",
    "decoder.",
)


def page(found: Sequence[FamilyFacts]) -> list[str]:
    """Return a line for each family, and what the columns mean."""
    rows = [_HEAD, *map(_row, found)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEAD) - 1)]
    return [*(line for row in rows for line in _lines(row, widths)), "", *_NOTES]


def _lines(row: tuple[str, ...], widths: Sequence[int]) -> Iterator[str]:
    """Yield the lines of a row; its last cell is folded."""
    start = "".join(f"{cell:<{width}}  " for cell, width in zip(row, widths, strict=False))
    for line in textwrap.wrap(row[-1], WIDTH - len(start)):
        yield start + line
        start = " " * len(start)


def _row(one: FamilyFacts) -> tuple[str, ...]:
    share = f"{one.quantized:.0%}" if one.quantized else "no" if one.example else "-"
    flags = map(_said, (one.packing, one.reward, one.gguf))
    return one.name, _said(one.experts), share, *flags, ", ".join(one.mixing) or "-"


def _said(flag: bool) -> str:
    return "yes" if flag else "no"
