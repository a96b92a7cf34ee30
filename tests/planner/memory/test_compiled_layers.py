"""The memory of compiled layers: what torch's partitioner saves, and peaks measured on a card.

`tests/data/partitions.jsonl` has the bytes per token, and of masks, that the first and the second
layer of a model save, as `tests/runner/trace/partition.py` finds them. The first three steps of
each run on the card are left out, in which libraries set themselves up; peaks have four digits.
"""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from planner.catalogue import lookup
from planner.memory import compiled_layers, estimate
from planner.models import layers
from planner.models.architecture import architecture
from planner.models.facts import Architecture, ModelFacts, parameter_count
from planner.search import lora_targets
from planner.setup.setup import Profile

DATA = Path(__file__).parents[2] / "data"
PARTITIONS = [
    json.loads(one) for one in (DATA / "partitions.jsonl").read_text("utf-8").splitlines()
]
POINTS = [
    json.loads(one) for one in (DATA / "points" / "compiled.jsonl").read_text("utf-8").splitlines()
]
BACKWARD = {
    ("Qwen2.5-0.5B", "lora", 0.0, "all-linear"): 50_452,
    ("Qwen2.5-0.5B", "lora", 0.05, "all-linear"): 40_724,
    ("Qwen2.5-0.5B", "lora", 0.0, "attention"): 21_248,
    ("Qwen2.5-0.5B", "qlora", 0.0, "all-linear"): 50_445,
    ("Qwen2.5-0.5B", "full", 0.0, ""): 13_646,
    ("gemma-3-270m", "lora", 0.0, "all-linear"): 20_470,
    ("glm-edge-1.5b-chat", "full", 0.0, ""): 34_812,
    ("glm-edge-1.5b-chat", "qlora", 0.0, "all-linear"): 65_568,
    ("OLMo-2-0425-1B", "qlora", 0.0, "all-linear"): 81_964,
}
"""Bytes per token that a layer's backward pass has at most besides what is saved, for 4,099 tokens:
the live buffers of the code that inductor of torch 2.13 generates for an H100
(`TORCH_LOGS=output_code`)."""
SCALES = 2
"""Bytes per token of the scales that Ministral 3 gives queries by their position."""


def model_of(name: str) -> ModelFacts:
    """Return a model of the catalogue by the last part of its name."""
    config = next(one.config for one in lookup.models() if one.name.rpartition("/")[2] == name)
    shape = architecture(dict(config), name)
    return ModelFacts(name, (), shape, parameter_count(shape), "")


def plan(shape: Architecture, method: Any, tokens: int, **changes: Any) -> Profile:
    """Return a plan of one pass, rank 16 on every linear layer, two thirds of the tokens scored."""
    full = method == "full"
    setup = Profile(
        device="cuda", method=method, rank=0 if full else 16,
        targets=() if full else lora_targets.preset(shape, "all-linear"), length=2048,
        micro_batch=16, checkpointing=False, dtype="bfloat16", dropout=0.0, padded=True,
        autocast=True, fused=True, accumulates=False, optimizer="adamw_torch_fused", packing=True,
        pass_tokens=tokens, attention="varlen", scored=2 / 3, kernels="compiled",
    )  # fmt: skip
    return replace(setup, **changes)


def _name(point: dict[str, Any]) -> str:
    return " ".join(str(point.get(name, "")) for name in ("model", "method", "dropout", "targets"))


@pytest.mark.parametrize("point", PARTITIONS, ids=_name)
def test_a_layer_saves_what_the_partitioner_chose(point: dict[str, Any]) -> None:
    shape, full = model_of(point["model"]).architecture, point["method"] == "full"
    targets = () if full else lora_targets.preset(shape, point["targets"])
    setup = plan(shape, point["method"], 0, dropout=point["dropout"], targets=targets)
    block = layers.blocks(shape)[0]
    second = compiled_layers.activations(shape, setup, block)
    less = compiled_layers.less_at_first(shape, setup, block)
    first = second if full else {name: size - less[name] for name, size in second.items()}
    for made, seen in ((first, point["first"]), (second, point["second"])):
        assert abs(made["activations"] - seen["activations"]) <= SCALES
        assert made["dropout masks"] == seen["dropout masks"]


@pytest.mark.parametrize("case", BACKWARD, ids=lambda case: " ".join(map(str, case)))
def test_the_backward_pass_has_the_buffers_of_generated_code(
    case: tuple[str, str, float, Any],
) -> None:
    name, method, dropout, targets = case
    shape = model_of(name).architecture
    names = lora_targets.preset(shape, targets) if targets else ()
    setup = plan(shape, method, 4099, dropout=dropout, targets=names).in_passes()
    made = compiled_layers.backward(shape, setup, layers.blocks(shape)[0]) / 4099
    assert made == pytest.approx(BACKWARD[case], rel=0.005)


def test_every_family_was_compared() -> None:
    seen = {model_of(point["model"]).architecture.family for point in PARTITIONS}
    assert seen == compiled_layers.COMPILED


@pytest.mark.parametrize("point", POINTS, ids=_name)
def test_peaks_on_a_card_are_predicted(point: dict[str, Any]) -> None:
    model = model_of(point["model"])
    setup = plan(
        model.architecture,
        point["method"],
        point["greatest_pass"],
        accumulates=point["passes"] > 1,
        checkpointing=point.get("checkpointing", False),
        dropout=point.get("dropout", 0.0),
        scored=point.get("scored", 2 / 3),
        graph_sizes=point.get("graph_sizes", 0),
    )
    error = estimate(model, setup).peak.peak_bytes / point["peak_bytes"] - 1
    assert -point.get("under", 0.01) <= error <= 0.01
    eager = estimate(model, replace(setup, kernels="eager")).peak.peak_bytes
    assert setup.checkpointing or eager > 1.15 * point["peak_bytes"]


@pytest.mark.parametrize("method", ["lora", "qlora", "full"])
def test_checkpointing_recomputes_one_layer(method: str) -> None:
    model = model_of("Qwen3-4B")
    shape, setup = model.architecture, plan(model.architecture, method, 8192, scored=0.0)
    block = layers.blocks(shape)[0]
    saved = sum(compiled_layers.activations(shape, setup, block).values())
    stream = 2 * shape.hidden
    phases = {one.name: one for one in estimate(model, replace(setup, checkpointing=True)).phases}
    assert phases["forward"].components["layer inputs"] == 8192 * stream * shape.layers
    of_one_row = replace(setup, micro_batch=1, length=8192)
    besides = compiled_layers.recomputed_besides(shape, of_one_row)
    found = phases["backward"].components["recomputed layer"]
    assert found == 8192 * (saved - stream) + besides
    dropped = compiled_layers.recomputed_besides(shape, replace(of_one_row, dropout=0.1))
    assert dropped == (besides if method == "full" else 0), "code with dropout is in two graphs"


def test_recordings_keep_tensors_of_each_size_and_all_gradients() -> None:
    model = model_of("Qwen2.5-0.5B")
    setup = plan(model.architecture, "lora", 8192)
    plain, one, eight = (
        estimate(model, replace(setup, graph_sizes=count)).peak.peak_bytes for count in (0, 1, 8)
    )
    each = 8192 * (2 * 2 * model.architecture.hidden + 16)
    assert eight - one == 7 * each
    assert one - plain > each


def test_only_plans_whose_layers_were_seen_compile() -> None:
    shape = model_of("Qwen2.5-0.5B").architecture
    setup = plan(shape, "qlora", 8192)
    assert compiled_layers.compiles(shape, setup)
    for change in (
        {"attention": "own"}, {"dtype": "float32"}, {"base_bits": 8}, {"parallel": "zero3"},
        {"device": "cpu"}, {"autocast": False},
    ):  # fmt: skip
        assert not compiled_layers.compiles(shape, replace(setup, **change)), change
    assert compiled_layers.compiles(shape, replace(setup, parallel="fsdp2"))
    for name in ("Apertus-8B-2509", "Qwen3-30B-A3B", "pythia-160m"):
        assert not compiled_layers.compiles(model_of(name).architecture, setup), name
    unquantized = replace(setup, method="lora")
    assert compiled_layers.compiles(model_of("Apertus-8B-2509").architecture, unquantized)


@pytest.mark.slow
def test_the_partitioner_still_chooses_that() -> None:
    own = [sys.executable, "-m", "tests.runner.trace.partition_table", "--check", "--every", "5"]
    subprocess.run(own, check=True, env=os.environ | {"HF_HUB_OFFLINE": "1"}, timeout=880)
