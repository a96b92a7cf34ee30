"""How layers are computed: what was asked for is planned or refused, and reasons are true."""

import re
from dataclasses import replace
from typing import Any

import pytest

from lockfiles.fixes import Answer
from planner.memory.recorded_passes import unrehearsed
from planner.models.facts import ModelFacts
from planner.search import kernel_reasons, ranking, reasons, rejected
from planner.search.candidates import Candidates
from tests.planner.search.test_passes import GIB, _candidates

UNKNOWN = "A card that no list has"


def _asked(memory: int, name: str = "meta-llama/Llama-3.1-8B", **changes: Any) -> Candidates:
    every = _candidates(memory * GIB, name)
    request = replace(every.request, **{"compiled": None, "recorded": None, **changes})
    return replace(every, request=request)


def _unlisted(every: Candidates) -> Candidates:
    """Return the same plans for a card whose speed is not known."""
    card = replace(every.machine.gpus[0], name=UNKNOWN)
    return replace(every, machine=replace(every.machine, gpus=(card,)))


def test_passes_that_must_be_recorded_are_or_nothing_fits() -> None:
    """Checkpointing would fit, but its passes cannot be recorded."""
    free, small, large = (
        ranking.best(_asked(memory, recorded=asked))
        for memory, asked in ((26, None), (26, True), (30, True))
    )
    assert free and free.checkpointing
    assert small is None
    assert large and large.graph_sizes


@pytest.mark.parametrize("memory", [20, 26, 27, 28])
def test_what_recorded_passes_lack_is_more_than_is_available(memory: int) -> None:
    """What they may fragment counts."""
    every = _asked(memory, recorded=True)
    assert ranking.best(every) is None
    problem = rejected.refusal(every)
    found = re.search(r"needs ([\d.]+) GiB, but only ([\d.]+) GiB", problem.message)
    assert found and float(found[1]) > float(found[2])
    assert problem.fix == (Answer("method.cuda_graphs", "auto"),)


@pytest.mark.parametrize("choice", ["compiled", "recorded"])
def test_rows_are_in_passes_where_their_layers_must_be_compiled_or_recorded(choice: str) -> None:
    asked: dict[str, Any] = {choice: True}
    every = _asked(79, **asked)
    assert _asked(79).packings == (True, False)
    assert every.packings == (True,)
    found = ranking.best(every)
    assert found and found.pass_tokens
    said = reasons.why(every, found)
    assert "only where rows are concatenated" in said["stream.packing"]


def test_layers_that_are_compiled_for_their_memory_are_not_called_uncompiled() -> None:
    every = _unlisted(_asked(30))
    found = ranking.best(every)
    assert every.card is None and found and found.kernels == "compiled"
    said = kernel_reasons.why(every, found)["train.kernels"]
    assert said == "torch compiles the layers before the first step, and they need less memory."


def test_passes_that_do_not_fit_with_their_recordings_are_said_to_not_fit() -> None:
    every = _unlisted(_asked(4, "Qwen/Qwen2.5-0.5B"))
    found = ranking.best(every)
    assert found and not found.checkpointing and not found.graph_sizes
    said = kernel_reasons.why(every, found)["train.graph_sizes"]
    assert said == "CUDA graphs are not used: no plan with them fits in memory."
    roomy = _unlisted(_asked(12, "Qwen/Qwen2.5-0.5B"))
    found = ranking.best(roomy)
    assert found
    assert "not known" in kernel_reasons.why(roomy, found)["train.graph_sizes"]


def test_the_gain_of_recorded_passes_is_named() -> None:
    every = _asked(8, "Qwen/Qwen2.5-0.5B")
    found = ranking.best(every)
    assert found and found.graph_sizes
    said = kernel_reasons.why(every, found)["train.graph_sizes"]
    assert "Without, a run would take" in said and "% longer." in said


def test_a_model_that_scales_positions_in_each_pass_is_not_recorded() -> None:
    every = _asked(8, "Qwen/Qwen2.5-0.5B")
    assert isinstance(every.model, ModelFacts)
    scaled = replace(every, model=replace(every.model, rescales=True))
    found = ranking.best(scaled)
    assert found and found.pass_tokens and not found.graph_sizes
    assert "train.graph_sizes" not in kernel_reasons.why(scaled, found)


def test_a_rehearsal_records_one_size_and_a_plan_counts_all() -> None:
    every = _asked(8, "Qwen/Qwen2.5-0.5B")
    shape, found = every.model.architecture, ranking.best(every)
    assert found and found.graph_sizes > 1
    each = (2 * 8 + 2 * 2 * shape.hidden) * found.in_passes().length
    assert unrehearsed(shape, found) == (found.graph_sizes - 1) * each
    assert unrehearsed(shape, replace(found, graph_sizes=0)) == 0


def test_what_was_set_is_named() -> None:
    for on, words in ((True, ""), (False, "not ")):
        every = _asked(24, "Qwen/Qwen2.5-0.5B", compiled=on, recorded=on)
        found = ranking.best(every)
        assert found
        said = reasons.why(every, found)
        assert said["train.kernels"] == f"You set it: layers are {words}compiled."
        assert said["train.graph_sizes"] == f"You set it: passes are {words}recorded."
