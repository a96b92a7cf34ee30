"""ZeRO stage 3, which gathers a layer at once, trains each family as one process without it does.

DeepSpeed reduces the gradients of such a layer in a hook of the layer: one that fires too early
would lose gradients. The hooks are the same ones whether one process has all shares or two do.
"""

import json
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch

pytest.importorskip("trl")
pytest.importorskip("deepspeed")

from planner.models.families import FAMILIES
from runner.training.compiled import layers
from tests import ranks
from tests.rank_server import Server
from tests.ranks import Case
from tests.runner.engines.families import case_of, every
from tests.runner.engines.test_shared import assert_shared, saved
from tests.runner.training.test_sft import base as base

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing:FutureWarning"),
]
STEPS = 4
NEAR = 1e-5
"""The relative distance of losses and parameters."""
NOTHING = 1e-7
"""The distance of two elements that counts as none: a step may change each by 1e-3."""
NOISE = {"deepseek_v4": 3e-5}
"""The same for others: the streams of a first layer are equal, so that the gradients of what mixes
them are rounding."""
MIXTURES = [name for name, one in FAMILIES.items() if one.experts and name != "glm5_next_text"]
Same = Callable[[Case], None]


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server() as found:
        yield found


@pytest.fixture
def family(request: pytest.FixtureRequest, base: Path, tmp_path: Path) -> Case:
    """The training of a family's small model, all weights in one process."""
    biased = "biases" in request.node.name
    found = case_of(request.param, tmp_path / "model", base, biased=biased)
    short = {**(found.settings or {}), "evaluate_steps": 2 * STEPS}
    return replace(found, work=str(tmp_path), steps=STEPS, held_out=2, epsilon=1e-3, settings=short)


def of_last_layer(case: Case) -> list[str]:
    """Return the targets that are in the last layer of a decoder, by their complete names."""
    from transformers import AutoConfig

    from runner.training.loaded import class_of

    config = AutoConfig.from_pretrained(case.base)
    with warnings.catch_warnings(), torch.device("meta"):
        warnings.simplefilter("ignore")
        model = class_of(config.to_dict()).from_config(config)
    last = list(layers(model.get_decoder()))[-1]
    kept = {id(one) for one in last.modules()}
    return [
        name for name, one in model.named_modules()
        if id(one) in kept and any(f".{name}".endswith(f".{each}") for each in case.targets)
    ]  # fmt: skip


def assert_near(one: Case, other: Case) -> None:
    """Assert equal losses, of each step, and equal trained parameters."""
    left, right = (ranks.losses(ranks.left(each)) for each in (one, other))
    assert len(left) == STEPS and right == pytest.approx(left, rel=NEAR)
    nothing = NOISE.get(_kind(one), NOTHING)
    before, after = saved(one), saved(other)
    lost = before.keys() - after.keys()
    assert after and after.keys() <= before.keys()
    assert all(one.bias == "all" and name.endswith(".bias") for name in lost), "frozen ones"
    far = {}
    for name, tensor in after.items():
        value, apart = tensor.double(), float((tensor - before[name]).double().norm())
        if not apart <= NEAR * float(value.norm()) + nothing * value.numel() ** 0.5:  # or NaN
            far[name] = apart
    assert not far, f"{other.work}: {far}"


def _kind(case: Case) -> str:
    return str(json.loads((Path(case.base) / "config.json").read_bytes())["model_type"])


def check(alone: Case, server: Server, count: int, *, checkpointing: bool = False) -> None:
    """Compare a training with that under ZeRO stage 3 in several processes."""
    work = Path(alone.work)
    settings = {**(alone.settings or {}), "checkpointing": checkpointing}
    shared = replace(
        alone, engine="zero3", ranks=count, settings=settings,
        work=f"{work}-zero3-{count}-{checkpointing}",
    )  # fmt: skip
    assert_shared(shared, server.run(shared))
    assert_near(alone, shared)


@pytest.mark.parametrize("method", ["full", "lora", "last", "biases"])
@pytest.mark.parametrize("family", every(), indirect=True)
def test_a_family_trains_as_without_it(family: Case, method: str, server: Server) -> None:
    """All weights, an adapter of all linear layers, one of the last layer, and one with all
    biases."""
    targets = of_last_layer(family) if method == "last" else family.targets
    assert targets
    kind = "full" if method == "full" else "lora"
    bias = "all" if method == "biases" else "none"
    alone = replace(family, method=kind, targets=targets, bias=bias, work=f"{family.work}/alone")
    server.run(alone)
    for checkpointing in (False, True):
        check(alone, server, 1, checkpointing=checkpointing)


@pytest.mark.parametrize("family", MIXTURES, indirect=True)
def test_experts_without_rows_in_one_process_train_too(family: Case, server: Server) -> None:
    """Two processes with a row each: not all experts have tokens in both."""
    few = replace(family, micro_batch=1, step_rows=2, missing=0, shortest=3, longest=3)
    alone = replace(few, work=f"{family.work}/alone")
    server.run(alone)
    check(alone, server, 2)
