"""A checkpoint of shared states: what an evaluation gathers, and parameters without a gradient."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn
from torch.distributed.tensor import DTensor

pytest.importorskip("trl")

from safetensors import safe_open
from safetensors.torch import save_file
from transformers.trainer import OPTIMIZER_NAME

from lockfiles.lock import Method, Parallel
from runner.training import states
from runner.training.fsdp2 import Fully
from runner.training.held import Held
from runner.training.job import Job
from runner.training.states import Sharding
from runner.training.stored import STATES
from tests.ranks import SETTINGS
from tests.runner.training.test_exchange import one_process as one_process

WITHOUT = {"other.bias", "other.weight"}
"""The trained parameters that no gradient reaches."""


class Model(nn.Module):
    """Two layers, of which one computes."""

    def __init__(self, seed: int) -> None:
        torch.manual_seed(seed)
        super().__init__()
        self.other, self.used = nn.Linear(4, 2), nn.Linear(4, 2)

    def forward(self, given: torch.Tensor) -> torch.Tensor:
        """Return what one layer makes of rows."""
        found: torch.Tensor = self.used(given)
        return found


def sharding(kind: str) -> Sharding:
    """Return the processes' share of a training that computes in bfloat16."""
    full = {"kind": "full", "rank": 0, "alpha": 0, "dropout": 0.0, "targets": []}
    job = Job(
        base=Path(), rows=[], validation=[], order=lambda _: [], work=Path(),
        method=Method.model_validate(full),
        train=SETTINGS.model_copy(update={"dtype": "bfloat16"}),
        parallel=Parallel(engine="fsdp2", processes=1),
    )  # fmt: skip
    return Fully(job) if kind == "fsdp2" else Held()


def prepared(
    kind: str, seed: int, fused: bool = False
) -> tuple[Model, Sharding, torch.optim.Optimizer]:
    """Return a model, how its values are shared, and its optimizer."""
    model, shared = Model(seed), sharding(kind)
    shared.shard(model)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.1, fused=fused)
    shared.prepared(SimpleNamespace(optimizer=optimizer))
    return model, shared, optimizer


def stepped(kind: str, fused: bool = False) -> tuple[Model, Sharding, torch.optim.Optimizer]:
    """Return the same after two steps and an evaluation."""
    model, shared, optimizer = prepared(kind, 1, fused)
    rows = torch.randn(3, 4)
    for _ in range(2):
        optimizer.zero_grad()
        model(rows).sum().backward()
        optimizer.step()
    with torch.no_grad():
        model(rows)
    shared.reshard(model)
    return model, shared, optimizer


def whole(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor


def held(model: Model, optimizer: torch.optim.Optimizer) -> dict[str, torch.Tensor]:
    """Return all values and states, with the steps of each parameter, by name."""
    found = {}
    for name, one in model.named_parameters():
        found[name] = whole(one.detach())
        found |= {f"{name} {key}": whole(own) for key, own in optimizer.state[one].items()}
    return found


def assert_equal(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> None:
    assert one.keys() == other.keys()
    assert [name for name in one if not torch.equal(one[name], other[name])] == []


@pytest.mark.parametrize("fused", [False, True])
@pytest.mark.parametrize("later", ["held", "fsdp2"])
@pytest.mark.parametrize("first", ["held", "fsdp2"])
def test_what_had_no_gradient_is_resumed_without_a_state(
    first: str, later: str, fused: bool, tmp_path: Path
) -> None:
    """With both of the optimizers that a lock can name."""
    model, shared, before = stepped(first, fused)
    states.write(model, shared, tmp_path, writes=True)
    with safe_open(tmp_path / "training-00000.safetensors", framework="pt") as file:
        stored = set(file.keys())
    names = [name for name, _ in model.named_parameters()]
    expected = {f"{state}/{name}" for name in set(names) - WITHOUT for state in STATES}
    assert stored == expected | {f"value/{name}" for name in names}
    again, shared, after = prepared(later, 2, fused)
    states.read(again, shared, tmp_path, names, optimizer=True)
    assert_equal(held(model, before), held(again, after))
    assert shared.steps() == 2


@pytest.mark.parametrize("later", ["held", "fsdp2"])
def test_the_same_of_a_checkpoint_of_one_process(later: str, tmp_path: Path) -> None:
    model, _, before = stepped("held")
    save_file(dict(model.named_parameters()), tmp_path / "model.safetensors")
    torch.save(before.state_dict(), tmp_path / OPTIMIZER_NAME)
    again, shared, after = prepared(later, 2)
    names = [name for name, _ in model.named_parameters()]
    states.read(again, shared, tmp_path, names, optimizer=True)
    assert_equal(held(model, before), held(again, after))


def test_a_gathered_parameter_is_not_read() -> None:
    """It would be saved as rounded to the type that computes."""
    model, shared, _ = stepped("fsdp2")
    with torch.no_grad():
        model(torch.randn(3, 4))
    gathered: Any = model.used.weight
    assert not isinstance(gathered, DTensor)
    with pytest.raises(RuntimeError, match="while it is gathered"):
        shared.value(gathered)
    shared.reshard(model)
    assert shared.value(model.used.weight).dtype == torch.float32
