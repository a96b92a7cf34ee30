"""The table of `tunelock fit --families`."""

from collections.abc import Sequence

from planner.fit.families import FamilyFacts

_HEAD = ("family", "mixes tokens by", "experts", "QLoRA", "packing", "GGUF")
_NOTES = (
    "Every family is trained with all of its weights, with LoRA and with QLoRA, and merged.",
    "QLoRA: the share of the weights that it quantizes, in the family's smallest known model.",
    "A family of which no model is built in has `-`. `--json` also names the layers that LoRA",
    "adapts, the attention kernel, and the multimodal models around a decoder.",
)


def page(found: Sequence[FamilyFacts]) -> list[str]:
    """Return a line for each family, and what the columns mean."""
    rows = [_HEAD, *map(_row, found)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEAD))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    return [*lines, "", *_NOTES]


def _row(one: FamilyFacts) -> tuple[str, ...]:
    share = f"{one.quantized:.0%}" if one.quantized else "no" if one.example else "-"
    return (
        one.name,
        ", ".join(one.mixing) or "-",
        _said(one.experts),
        share,
        _said(one.packing),
        _said(one.gguf),
    )


def _said(flag: bool) -> str:
    return "yes" if flag else "no"
