"""The tables of what was measured of a base in FP8."""

import statistics
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tests.gpu.curves import furthest, smooth
from tests.gpu.speed.profiled import shares

Found = Mapping[str, Any]


def summary(found: Sequence[Found]) -> Iterator[str]:
    """Yield the tables: products, losses, and tokens per second with ratios to bfloat16."""
    last = {one["name"]: one for one in found}
    well = [one for one in last.values() if "missing" not in one]
    for one in well:
        if "multiple" in one:
            yield f"{one['card']}, torch {one['torch']}"
            yield f"an odd number of tokens: error {one['odd_error']} {one['odd_said']}".rstrip()
    for one in well:
        if "products" in one:
            yield from _products(one["products"])
    yield from _curves([one for one in well if "curve" in one])
    yield from _speeds([one for one in well if "line" in one])
    for one in well:
        if "profile" in one:
            yield f"{one['line']}: {', '.join(shares(one['profile']))}"
    for one in last.values():
        if "missing" in one:
            yield f"not run: {one['name']}: {one['missing']}"
    yield "seconds: " + ", ".join(f"{one['name']} {one.get('took', 0)}" for one in well)


def _products(rows: Sequence[Found]) -> Iterator[str]:
    names = list(rows[0])
    yield f"| {' | '.join(name.replace('_', ' ') for name in names)} |"
    yield "|---" * len(names) + "|"
    for row in rows:
        yield f"| {' | '.join(str(row[name]) for name in names)} |"


def _curves(found: Sequence[Found]) -> Iterator[str]:
    first = sorted((one for one in found if one["curve"] == "bf16"), key=lambda one: one["seed"])
    if not first:
        return
    noise = max((furthest(first[0]["losses"], one["losses"]) for one in first[1:]), default=0.0)
    yield (
        "| base | seed | steps | first loss | last loss, averaged | furthest from bf16 | "
        "by seed alone | held-out loss | the same by a bf16 base |"
    )
    yield "|---" * 9 + "|"
    for one in found:
        losses = one["losses"]
        cells = [
            one["curve"], str(one["seed"]), str(len(losses)), f"{losses[0]:.4f}",
            f"{smooth(losses)[-1]:.4f}", f"{furthest(losses, first[0]['losses']):.4f}",
            f"{noise:.4f}", f"{one['held_out']:.4f}", f"{one['held_out_in_bf16']:.4f}",
        ]  # fmt: skip
        yield f"| {' | '.join(cells)} |"


def _speeds(found: Sequence[Found]) -> Iterator[str]:
    if not found:
        return
    yield (
        "| model | base | tokens/s, median | of bf16 | mean | of bf16 | step, s | first, s "
        "| peak, GB | reserved | settings |"
    )
    yield "|---" * 11 + "|"
    for one in found:
        again = " again" * ("again" in one["line"])
        cells = [
            one["model"], f"{one['base']}{again}", f"{one['median_tokens_per_second']:,}",
            _ratio(one, found, "median_tokens_per_second"), f"{one['tokens_per_second']:,}",
            _ratio(one, found, "tokens_per_second"), f"{one['median_step_seconds']:.4f}",
            f"{one['first_step_seconds']:.1f}", f"{one['peak_bytes'] / 1e9:.2f}",
            f"{one['reserved_bytes'] / 1e9:.2f}", one["settings"],
        ]  # fmt: skip
        yield f"| {' | '.join(cells)} |"


def _ratio(one: Found, found: Sequence[Found], rate: str) -> str:
    """Return a rate relative to the mean of the same model's in bfloat16, before and after."""
    plain = [
        other[rate] for other in found
        if other["base"] == "bf16" and other["model"] == one["model"]
    ]  # fmt: skip
    return f"{one[rate] / statistics.fmean(plain):.3f}" if plain else ""
