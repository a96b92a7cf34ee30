"""Compiled layers, scored positions and filled passes change no loss."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

pytest.importorskip("trl")

from trl.trainer import utils

from planner.data.tokens.example import IGNORED
from runner.training import in_passes
from runner.training.compiled import compile_layers, layers
from runner.training.greatest import greatest_passes, most_rows
from runner.training.padding_free import PaddingFree
from runner.training.scored import positions
from runner.training.train import before_steps
from tests.runner.training.test_packing import SETTINGS, Heard, _model
from tests.runner.training.test_padding_free import _job, _trained
from tests.runner.training.test_sft import base as base

pytestmark = pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing:FutureWarning")


@pytest.fixture(scope="module")
def plain(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Heard:
    return _trained(_job(base, tmp_path_factory.mktemp("plain"), pass_tokens=60))


def _same(found: Heard, expected: Heard) -> None:
    assert len(found.told) == len(expected.told) == 6
    for ours, theirs in zip(found.told, expected.told, strict=True):
        assert ours["loss"] == pytest.approx(theirs["loss"], rel=1e-5)
        assert ours["gradient_norm"] == pytest.approx(theirs["gradient_norm"], rel=1e-4)
    losses = [[one["loss"] for one in run.evaluated] for run in (found, expected)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of torch about its own parts
@pytest.mark.parametrize("checkpointing", [False, True])
def test_compiled_layers_train_as_others_do(
    base: Path, tmp_path: Path, plain: Heard, checkpointing: bool
) -> None:
    torch._dynamo.reset()
    torch._dynamo.utils.counters.clear()
    changes: dict[str, Any] = {"kernels": "compiled", "checkpointing": checkpointing}
    found = _trained(_job(base, tmp_path, pass_tokens=60, **changes))
    _same(found, plain)
    counted = torch._dynamo.utils.counters
    assert not counted["graph_break"]
    assert counted["stats"]["unique_graphs"] == (1 if checkpointing else 2), (
        "the first layer needs no gradient of its input; evaluations compile nothing"
    )


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of torch about its own parts
def test_dropout_is_the_same_where_compiled_layers_are_computed_again(
    base: Path, tmp_path: Path
) -> None:
    found = []
    for checkpointing in (False, True):
        torch._dynamo.reset()
        job = _job(
            base, tmp_path / str(checkpointing), pass_tokens=60, kernels="compiled",
            checkpointing=checkpointing,
        )  # fmt: skip
        assert job.method
        found.append(_trained(replace(job, method=job.method.model_copy(update={"dropout": 0.3}))))
    without = _trained(_job(base, tmp_path / "none", pass_tokens=60))
    _same(found[1], found[0])
    assert found[0].told[-1]["loss"] != pytest.approx(without.told[-1]["loss"], rel=1e-5)


@pytest.mark.filterwarnings("ignore")  # of torch about its own parts
def test_a_pass_as_long_as_a_layer_is_wide_is_compiled_for_all_sizes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    graphs = list[Any]()
    real = torch.nn.Module.compile

    def counted(graph: Any, _: object) -> Any:
        graphs.append(graph)
        return graph.forward

    monkeypatch.setattr(
        torch.nn.Module, "compile", lambda one, **_: real(one, dynamic=True, backend=counted)
    )
    torch._dynamo.reset()
    model = _model("qwen2").train()
    compile_layers(model)
    width = model.config.hidden_size
    for tokens in (width, width + 9, width // 2):
        found = model(input_ids=torch.full((1, tokens), 3), use_cache=False)
        found.logits.sum().backward()
    assert len(graphs) == 1


@pytest.mark.parametrize("drops", [False, True])
def test_checkpointing_is_around_compiled_layers_that_draw_random_numbers(
    drops: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a card torch cannot compile it as a part of them."""
    inside = []

    def called(self: Any, *given: Any, **named: Any) -> Any:
        inside.append(self.gradient_checkpointing)
        return self._call_impl(*given, **named)

    def compiled(self: Any, **_: Any) -> None:
        self._compiled_call_impl = called.__get__(self)

    monkeypatch.setattr(torch.nn.Module, "compile", compiled)
    model = _model("phi3", resid_pdrop=0.3 * drops)
    assert compile_layers(model) == len(list(layers(model)))
    model.activation_checkpointing_enable()
    model.train()
    ids = torch.arange(3, 12)[None]
    model(input_ids=ids, labels=ids, use_cache=False).loss.backward()
    count = len(list(layers(model)))
    assert inside == ([False] * 2 * count if drops else [True] * count)
    model.eval()
    model(input_ids=ids)
    assert all(layer.gradient_checkpointing for layer in layers(model))
    assert inside[-count:] == [True] * count


def test_scored_positions_are_all_that_the_head_needs(
    base: Path, tmp_path: Path, plain: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a card the positions come with a pass, and TRL does not look for them."""

    def looked(device: torch.device) -> bool:
        raise AssertionError("TRL chooses positions")

    monkeypatch.setattr(utils, "_use_triton", looked)
    monkeypatch.setattr(in_passes, "chooses", lambda: True)
    _same(_trained(_job(base, tmp_path, pass_tokens=60)), plain)


def test_filled_passes_have_the_same_losses(base: Path, tmp_path: Path, plain: Heard) -> None:
    sizes = {"graph_sizes": [32, 48, 64], "pass_tokens": 60}
    _same(_trained(_job(base, tmp_path, **sizes)), plain)


def test_a_pass_is_filled_up_to_its_size_and_its_bounds_are_as_many_as_any() -> None:
    rows = [{"input_ids": [5] * n, "labels": [5] * n} for n in (4, 3, 2)]
    filled = PaddingFree(20, 4, bounded=True, sizes=(8, 16), most_rows=6, chosen=True)
    (one,) = filled.passes(step := filled(rows))
    assert one["input_ids"].shape == (1, 16)
    assert one["position_ids"][0].tolist()[9:] == [0] * 7
    assert one["cu_seq_lens_q"].tolist() == [0, 4, 7, 9, 13, 16, 16]
    assert one["scored"].tolist() == [0, 1, 2, 4, 5, 7]
    assert one["shift_labels"].tolist() == [[5] * 6]
    assert filled.tokens(step) == 9


def test_blank_rows_change_no_scale_of_positions() -> None:
    """`longrope` scales all rows of a pass by its greatest position."""
    rope = {
        "rope_type": "longrope", "rope_theta": 10000.0, "short_factor": [1.0] * 4,
        "long_factor": [9.0] * 4,
    }  # fmt: skip
    model = _model("phi3", rope_parameters=rope, original_max_position_embeddings=8)
    rotary, hidden = model.model.rotary_emb, torch.zeros(1)
    rows = [{"input_ids": [5] * n, "labels": [5] * n} for n in (6, 5)]
    plain, filled = (
        rotary(hidden, PaddingFree(40, 20, True, sizes, most)(rows)["position_ids"])[0][0, :11]
        for sizes, most in (((), 0), ((64,), 9))
    )
    assert torch.equal(plain, filled)
    long, _ = rotary(hidden, torch.arange(20)[None])
    assert not torch.allclose(plain[:6], long[0, :6])


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, ""),
        ({"kernels": "compiled"}, "compiling layers"),
        ({"graph_sizes": [64]}, "recording passes"),
        ({"kernels": "compiled", "graph_sizes": [64]}, "compiling layers and recording passes"),
    ],
)
def test_what_takes_a_while_before_the_first_step_is_named(
    changes: dict[str, Any], said: str
) -> None:
    assert before_steps(SETTINGS.model_copy(update=changes)) == said


def test_positions_are_those_before_a_scored_token() -> None:
    found, labels = positions(np.array([IGNORED, 7, IGNORED, 9]))
    assert (found.tolist(), labels.tolist()) == ([0, 2], [7, 9])


def test_a_pass_of_each_size_is_recorded_and_the_largest_first(base: Path, tmp_path: Path) -> None:
    job = _job(base, tmp_path, graph_sizes=[32, 48, 64], pass_tokens=60)
    tokens = [sum(len(row["input_ids"]) for row in rows) for rows in greatest_passes(job)]
    assert tokens[0] == max(tokens)
    sizes = [next(size for size in (32, 48, 64) if size >= n) for n in tokens[1:]]
    assert sizes == sorted(set(sizes), reverse=True)
    assert most_rows(job) >= 4


@pytest.mark.parametrize("checkpointing", [False, True])
def test_all_layers_train_from_the_first_step(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, checkpointing: bool
) -> None:
    """A model is loaded for evaluation, where layers neither drop nor recompute anything."""
    modes: list[bool] = []
    own = in_passes.InPasses._passed

    def passed(self: Any, model: Any, *given: Any, **named: Any) -> Any:
        modes.extend(module.training for module in model.modules())
        return own(self, model, *given, **named)

    monkeypatch.setattr(in_passes.InPasses, "_passed", passed)
    _trained(_job(base, tmp_path, pass_tokens=60, checkpointing=checkpointing))
    assert modes
    assert all(modes)


@pytest.mark.filterwarnings("ignore")  # of torch about its own parts
def test_layers_are_those_of_the_decoder(base: Path) -> None:
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(base)
    assert len(list(layers(model))) == compile_layers(model) == 2
