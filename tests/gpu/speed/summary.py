"""Ratios between the sides of a file of results, and their geometric means."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from tests.gpu.speed.profiled import shares

Found = Mapping[str, Any]
Case = tuple[str, str, str]
"""Model, method and rows."""
AGAINST = (
    ("guide", ("chosen 16", "chosen 32000", "hand 32000")),
    ("trl", ("chosen 16", "chosen 32000")),
    ("hand 16", ("chosen 16",)),
    ("hand 32000", ("chosen 32000",)),
    ("unsloth", ("chosen 32000", "hand 32000")),
)
"""The sides that others are compared with."""
RATES = ("median_tokens_per_second", "tokens_per_second")


def summary(found: Sequence[Found]) -> Iterator[str]:
    """Yield a table of the sides, and of each comparison the ratios with their geometric mean."""
    sides = {(_case(one), _side(one)): one for one in found if "side" in one}
    flops = next((o["bf16_flops_per_second"] for o in found if "bf16_flops_per_second" in o), 0)
    yield from _table(sides, flops)
    for other, every in AGAINST:
        for side in every:
            yield from _compared(sides, side, other)
    for one in found:
        if "profile" in one:
            yield f"{one['line']}: {', '.join(shares(one['profile']))}"
    for one in found:
        if "missing" in one:
            yield f"not run: {one['line']}: {one['missing']}"


def _case(one: Found) -> Case:
    return one["model"], one["method"], one["rows"]


def _side(one: Found) -> str:
    """Return a side with the size of its steps where that is given."""
    given = [word for word in one["line"].split() if word.startswith("step=")]
    return " ".join([one["side"], *(word.removeprefix("step=") for word in given)])


def _table(sides: Mapping[tuple[Case, str], Found], flops: float) -> Iterator[str]:
    yield (
        "| model | method | rows | side | tokens/s, median | mean | step, s | first, s "
        "| peak, GB | reserved | predicted | bf16 rate | settings |"
    )
    yield "|---" * 13 + "|"
    for (case, side), one in sides.items():
        said = one.get("predicted_bytes")
        cells = [
            *case,
            side,
            f"{one['median_tokens_per_second']:,}",
            f"{one['tokens_per_second']:,}",
            f"{one['median_step_seconds']:.3f}",
            f"{one['first_step_seconds']:.1f}",
            f"{one['peak_bytes'] / 1e9:.2f}",
            f"{one['reserved_bytes'] / 1e9:.2f}",
            f"{said / one['peak_bytes'] - 1:+.1%}" if said and one["peak_bytes"] else "",
            f"{one['needed_flops_per_second'] / flops:.1%}" if flops else "",
            one.get("settings", ""),
        ]
        yield f"| {' | '.join(cells)} |"


def _compared(sides: Mapping[tuple[Case, str], Found], side: str, other: str) -> Iterator[str]:
    for rows in dict.fromkeys(case[2] for case, _ in sides):
        for kind, methods in (("adapters", ("lora", "qlora")), ("full", ("full",))):
            both = {
                case: (one, sides[case, other])
                for (case, own), one in sides.items()
                if own == side and case[1] in methods and case[2] == rows and (case, other) in sides
            }
            if both:
                yield from _ratios(f"{side} / {other}, {rows}, {kind}", both)


def _ratios(name: str, both: Mapping[Case, tuple[Found, Found]]) -> Iterator[str]:
    by_median, by_mean = (
        [one[rate] / other[rate] for one, other in both.values()] for rate in RATES
    )
    each = ", ".join(
        f"{case[0]} {case[1]} {ratio:.2f}" for case, ratio in zip(both, by_median, strict=True)
    )
    yield f"{name}: {mean(by_median):.2f} (by mean rates {mean(by_mean):.2f}); {each}"


def mean(ratios: Iterable[float]) -> float:
    """Return the geometric mean."""
    logs = [math.log(one) for one in ratios]
    return math.exp(sum(logs) / len(logs))
