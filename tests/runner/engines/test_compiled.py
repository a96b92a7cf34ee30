"""Compiled layers in several processes: what the uncompiled ones do, with or without checkpointing.

Two gloo processes; torch compiles for this processor.
"""

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("trl")
pytest.importorskip("deepspeed")

from tests import ranks
from tests.runner.engines.test_shared import case
from tests.runner.training.test_sft import base as base

pytestmark = pytest.mark.slow
ENGINES = ("ddp", "zero2", "fsdp2")
STEPS = 8


def _losses(base: Path, work: Path, engine: str, **changes: Any) -> list[float]:
    changed = {name: changes.pop(name) for name in ("kernels", "checkpointing") if name in changes}
    given = case(
        base, work, "lora", engine, steps=STEPS, pass_tokens=60, settings=changed, **changes
    )
    found = ranks.losses(ranks.run(given))
    assert len(found) == STEPS
    return found


@pytest.mark.parametrize("engine", ENGINES)
def test_compiled_layers_train_as_others_do(engine: str, base: Path, tmp_path: Path) -> None:
    plain = _losses(base, tmp_path / "plain", engine)
    for checkpointing in (False, True):
        found = _losses(
            base, tmp_path / str(checkpointing), engine, kernels="compiled",
            checkpointing=checkpointing,
        )  # fmt: skip
        assert found == pytest.approx(plain, rel=1e-4)


@pytest.mark.parametrize("engine", ENGINES)
def test_dropout_is_the_same_where_layers_are_computed_again(
    engine: str, base: Path, tmp_path: Path
) -> None:
    kept, again = (
        _losses(
            base, tmp_path / str(checkpointing), engine, kernels="compiled", dropout=0.3,
            checkpointing=checkpointing,
        )
        for checkpointing in (False, True)
    )  # fmt: skip
    assert again == pytest.approx(kept, rel=1e-4)
    assert kept != pytest.approx(_losses(base, tmp_path / "none", engine), rel=1e-4)
