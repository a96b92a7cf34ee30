"""Measured values against predicted and wanted ones, in words."""

_SAME = 0.0005
"""A smaller relative difference is none."""
_FINE = 0.1
"""Below this share one decimal is shown."""


def percent(share: float) -> str:
    """Return a share as `46%`, `2.8%` or `93.1%`: with one decimal unless it is zero."""
    return f"{share:.1%}".replace(".0%", "%")


def difference(measured: float, predicted: float) -> str:
    """Return `4% above` or `2.8% below`: how far a measurement is from its prediction."""
    share = measured / predicted - 1
    if abs(share) < _SAME:
        return "equal"
    shown = percent(abs(share)) if abs(share) < _FINE else f"{abs(share):.0%}"
    return f"{shown} {'above' if share > 0 else 'below'}"


def against_prediction(measured: float, predicted: float) -> str:
    """Return `measured 4% above the prediction`."""
    found = difference(measured, predicted)
    return "measured as predicted" if found == "equal" else f"measured {found} the prediction"


def answers_right(accuracy: float, before: float | None, rows: int | None, learnt: int = 0) -> str:
    """Return `46% of 60 held-out rows are answered correctly; before training 0%`.

    Accuracies are shares from 0 to 1. `learnt` of the `rows` are training rows too.
    """
    held_out = "rows" if learnt else "held-out rows"
    of = held_out if rows is None else f"{rows:,} {held_out}"
    said = f"{percent(accuracy)} of {of} are answered correctly"
    said += "" if before is None else f"; before training {percent(before)}"
    are = "is a training row" if learnt == 1 else "are training rows"
    return f"{said}; {learnt:,} of the rows {are} too" if learnt else said


def tokens(per_second: float) -> str:
    """Return a rate of training with two digits, the precision of the estimate:
    `~7,300 tokens/s`."""
    return f"~{float(f'{per_second:.2g}'):,.0f} tokens/s"


def rate(tokens_per_second: float, flops_share: float) -> str:
    """Return the same with the share of the card's rate that it is, unless that is 0:
    `~7,300 tokens/s (41% of the card's bf16 rate)`."""
    if not flops_share:
        return tokens(tokens_per_second)
    share = "under 1%" if flops_share < 0.01 else f"{flops_share:.0%}"
    return f"{tokens(tokens_per_second)} ({share} of the card's bf16 rate)"
