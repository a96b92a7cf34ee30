"""FP8 products of the frozen base: planned where they were asked for, refused elsewhere."""

import re
from dataclasses import replace
from typing import Any

import pytest

from lockfiles import sense_of_reasons
from lockfiles.errors import DoesNotFit
from lockfiles.fixes import Answer, Answers
from planner.search import fp8, kernel_reasons, ranking, reasons, rejected
from planner.search.candidates import Candidates
from tests.planner.search.test_kernels import _asked

OFF = Answer("method.base_products", "bf16")


def _on(
    card: str, memory: int, name: str = "meta-llama/Llama-3.1-8B", **changes: Any
) -> Candidates:
    every = _asked(memory, name, **changes)
    gpus = (replace(every.machine.gpus[0], name=card),)
    return replace(every, machine=replace(every.machine, gpus=gpus))


def _said(every: Candidates) -> str:
    found = ranking.best(every)
    assert found
    return reasons.why(every, found).get("train.base_products", "")


def test_products_are_in_fp8_only_if_they_are_asked_for() -> None:
    """Layers are compiled for them, and the weights leave room for larger passes."""
    plain, found = (
        ranking.best(_on("NVIDIA H200", 30, base_products=each)) for each in ("bf16", "fp8")
    )
    assert plain and found and found.method == "lora"
    assert (plain.base_products, found.base_products) == ("bf16", "fp8")
    assert found.kernels == "compiled" and found.pass_tokens > plain.pass_tokens
    every = _on("NVIDIA H200", 140, base_products="fp8")
    assert ranking.best(replace(every, request=replace(every.request, method=None)))
    best = ranking.best(every)
    assert best
    assert "FP8 products need that" in kernel_reasons.why(every, best)["train.kernels"]


def test_the_gain_is_named_where_it_was_measured_and_is_large() -> None:
    for every, said in (
        (_on("NVIDIA H200", 30, base_products="fp8"), "without them, a run would take"),
        (_on("NVIDIA H200", 30), "could make this run"),
        (_on("NVIDIA H200", 20, "Qwen/Qwen2.5-0.5B", base_products="fp8"), "not make this run"),
    ):
        assert said in _said(every)
    for silent in (
        _on("NVIDIA H200", 20, "Qwen/Qwen2.5-0.5B"), _on("NVIDIA H100 80GB HBM3", 30),
        _on("NVIDIA H200", 30, compiled=False), _on("NVIDIA H200", 30, method="qlora"),
    ):  # fmt: skip
        assert _said(silent) == ""


def test_reasons_are_those_that_a_lock_checks() -> None:
    forms = [form for key, form, _ in sense_of_reasons._FORMS if key == "train.base_products"]
    every = [_said(_on("NVIDIA H200", 30, base_products=each)) for each in ("fp8", "bf16")]
    assert [bool(re.match(form, one)) for form, one in zip(forms, every, strict=True)] == [True] * 2


def test_a_plan_that_does_not_fit_names_qlora_without_fp8() -> None:
    """Its weights fit once they are rounded, but not while they are loaded."""
    every = _on("NVIDIA H200", 14, base_products="fp8")
    assert ranking.best(every) is None
    assert rejected.refusal(every).fix == (Answers((Answer("method.kind", "qlora"), OFF)),)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"method": "qlora"}, "is for LoRA, but the method is `qlora`"),
        ({"method": "full"}, "is for LoRA, but the method is `full`"),
        ({"objective": "dpo"}, "was measured for `sft` only, not for `dpo`"),
        ({"exact": True}, "bit-exact training is not verified"),
        ({"processes": 2}, "works in a single process only"),
        ({"compiled": False}, "needs compiled layers"),
        ({"packing": False}, "and this plan has none"),
        ({"micro_batch": 4}, "and this plan has none"),
    ],
)
def test_what_fp8_is_not_measured_with_is_refused(changes: dict[str, Any], said: str) -> None:
    every = _on("NVIDIA H200", 140, base_products="fp8", **changes)
    found = [sentence for holds, sentence, fix in fp8.contradictions(every) if holds and fix == OFF]
    assert found and said in "".join(map(str, found[0]))
    free = replace(every, request=replace(every.request, base_products="bf16"))
    assert not list(fp8.contradictions(free))


def test_families_whose_compiled_layers_are_not_known_are_named() -> None:
    every = _on("NVIDIA H200", 140, "mistralai/Mixtral-8x7B-v0.1", base_products="fp8")
    (found,) = [sentence for holds, sentence, _ in fp8.contradictions(every) if holds]
    assert "those of `mixtral` are not known" in "".join(map(str, found))


@pytest.mark.parametrize(
    ("name", "capability"), [("NVIDIA A100-SXM4-80GB", "8.0"), ("AMD Instinct MI300X", "gfx942")]
)
def test_cards_without_fp8_units_are_named(name: str, capability: str) -> None:
    machine = _on(name, 80).machine
    machine = replace(machine, gpus=(replace(machine.gpus[0], compute_capability=capability),))
    fp8.check_cards("bf16", machine)
    for each, said in ((machine, f"`{name}` is none"), (replace(machine, gpus=()), "CPU")):
        with pytest.raises(DoesNotFit) as caught:
            fp8.check_cards("fp8", each)
        assert said in caught.value.message and caught.value.fix == (OFF,)
