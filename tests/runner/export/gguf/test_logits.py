"""llama.cpp's logits against transformers' for the same tokens.

Beside float16 weights llama.cpp rounds activations, keys and values to float16 too, so at a near
tie, of which random models have many, two correct programs may prefer different tokens. In
float32 throughout, the same conversion shows what it adds itself: next to nothing.
"""

from collections.abc import Iterator
from itertools import count, islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

torch = pytest.importorskip("torch")
pytest.importorskip("gguf")
pytest.importorskip("llama_cpp")

from runner.export.gguf import native  # noqa: E402
from runner.export.gguf.convert import write_packed  # noqa: E402
from tests.few import few  # noqa: E402
from tests.runner.export.gguf.random_models import (  # noqa: E402
    CASES,
    network,
    save,
)

Logits = NDArray[np.float32]
TOKENS = torch.randint(4, 300, (1, 120), generator=torch.Generator().manual_seed(3))
OTHERS = sorted(CASES.keys() - {"llama"})
SPREAD = 0.08
"""A standard deviation of weights at which attention is sharp and logits reach 6."""
USUAL = 0.02
"""That of new models in transformers, near that of trained ones."""


def _reference(case: str, seed: int, spread: float) -> tuple[Any, Logits]:
    model = network(case, seed=seed, initializer_range=spread)
    with torch.no_grad():
        return model, model(TOKENS).logits[0].numpy()


def _margins(logits: Logits) -> Logits:
    """How far the best token of each position is ahead of the next."""
    ranked = np.sort(logits, -1)
    return ranked[:, -1] - ranked[:, -2]


def _without_near_ties(case: str, spread: float, margin: float) -> Iterator[tuple[Any, Logits]]:
    """Models whose reference is ahead by `margin` at every position, by rising seed."""
    for seed in count():
        model, wanted = _reference(case, seed, spread)
        if _margins(wanted).min() > margin:
            yield model, wanted


def _found(model: Any, case: str, folder: Path, packing: str) -> Logits:
    """What llama.cpp answers to the tokens, its cache in the type of the weights."""
    write_packed(save(model, folder / "model", case), folder / "model.gguf", packing)
    rows = native.logits(folder / "model.gguf", TOKENS[0].tolist(), cache=packing)
    return np.array(rows, np.float32)


@pytest.mark.parametrize(
    ("packing", "spread", "limit"),
    [("f32", SPREAD, 1e-4), pytest.param("f16", USUAL, 1.5e-3, marks=pytest.mark.slow)],
)
@pytest.mark.parametrize("case", few(sorted(CASES)))
def test_every_position_agrees(
    case: str, packing: str, spread: float, limit: float, tmp_path: Path
) -> None:
    # Two programs that differ by less than `limit` agree wherever the margin is twice that.
    chosen = islice(_without_near_ties(case, spread, 2 * limit), 3)
    for number, (model, wanted) in enumerate(chosen):
        found = _found(model, case, tmp_path / str(number), packing)
        difference = float(np.abs(found - wanted).max())
        print(f"{case} {packing}: greatest difference {difference:.6f}")
        assert (found.argmax(-1) == wanted.argmax(-1)).all()
        assert difference < limit


@pytest.mark.parametrize(
    "case",
    [pytest.param(one, marks=[pytest.mark.slow] * (one != "llama")) for one in sorted(CASES)],
)
def test_f16_differs_at_near_ties_only(case: str, tmp_path: Path) -> None:
    for seed in (7, 8, 9):
        model, wanted = _reference(case, seed, SPREAD)
        found = _found(model, case, tmp_path / str(seed), "f16")
        difference, equal = (
            float(np.abs(found - wanted).max()),
            found.argmax(-1) == wanted.argmax(-1),
        )
        clear = _margins(wanted) > 0.005
        print(f"{case} f16: greatest difference {difference:.5f}, {(~equal).sum()} near ties fell")
        assert equal[clear].all() and clear.mean() > 0.95
        assert difference < 0.02
