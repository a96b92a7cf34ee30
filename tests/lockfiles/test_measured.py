"""Differences and accuracies in words."""

import pytest

from lockfiles.measured import against_prediction, answers_right, rate


@pytest.mark.parametrize(
    ("measured", "predicted", "words"),
    [
        (104, 100, "measured 4% above the prediction"),
        (958, 1000, "measured 4.2% below the prediction"),
        (1000, 1000, "measured as predicted"),
        (100_010, 100_000, "measured as predicted"),
        (3, 2, "measured 50% above the prediction"),
        (1, 4, "measured 75% below the prediction"),
    ],
)
def test_a_difference_says_its_direction(measured: int, predicted: int, words: str) -> None:
    assert against_prediction(measured, predicted) == words


def test_an_accuracy_is_a_sentence() -> None:
    assert answers_right(28 / 60, 0.0, 60) == (
        "46.7% of 60 held-out rows are answered correctly; before training 0%"
    )
    assert answers_right(0.5, None, None) == "50% of held-out rows are answered correctly"
    assert answers_right(1.0, 0.25, 450, 8) == (
        "100% of 450 rows are answered correctly; before training 25%; "
        "8 of the rows are training rows too"
    )


@pytest.mark.parametrize(
    ("tokens", "share", "words"),
    [
        (7349.0, 0.0, "~7,300 tokens/s"),
        (7349.0, 0.4149, "~7,300 tokens/s (41% of the card's bf16 rate)"),
        (21_400.0, 0.004, "~21,000 tokens/s (under 1% of the card's bf16 rate)"),
        (3.14, 0.01, "~3 tokens/s (1% of the card's bf16 rate)"),
    ],
)
def test_a_rate_has_two_digits(tokens: float, share: float, words: str) -> None:
    assert rate(tokens, share) == words
