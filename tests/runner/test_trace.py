"""The symbolic step against peaks measured on GPUs, and against real tensors on CPU."""

import json
import os
import subprocess
import sys
from dataclasses import asdict, replace
from typing import Any

import pytest

from lockfiles.errors import RunFailed, UsageProblem
from planner.memory import Profile, estimate
from planner.models import architecture
from runner.trace import Job, Traced, depths, refusal, trace
from tests.planner.test_memory import ALL_LINEAR, BASE, MEASURED, MEASURED_LATER, MODELS, PLAN
from tests.tui.test_cli import tunelock

pytest.importorskip("trl")
pytest.importorskip("peft")


def _config(model: str) -> dict[str, Any]:
    shape = MODELS[model].architecture
    return {
        "model_type": shape.family, "tie_word_embeddings": shape.tied,
        "hidden_size": shape.hidden, "num_hidden_layers": shape.layers,
        "num_attention_heads": shape.heads, "num_key_value_heads": shape.kv_heads,
        "head_dim": shape.head_dim, "intermediate_size": shape.intermediate,
        "vocab_size": shape.vocabulary, "max_position_embeddings": shape.context,
    }  # fmt: skip


def _job(model: str, profile: Profile) -> Job:
    facts = MODELS[model]
    return Job(_config(model), facts.architecture, profile, estimate(facts, profile))


def _method(plan: Profile, method: str) -> Profile:
    return replace(plan, method="full", rank=0, targets=()) if method == "full" else plan


def _measured() -> list[tuple[str, Profile, int]]:
    found = []
    for model, method, length, batch, checkpointing, dropout, peak in MEASURED:
        plan = replace(
            PLAN, length=length, micro_batch=batch, checkpointing=checkpointing, dropout=dropout,
            autocast=True, fused=True,
        )  # fmt: skip
        found += [(model, _method(plan, method), peak)] if method != "qlora" else []
    for (
        model, method, targets, length, batch, checkpointing, dropout, autocast, padded, peak,
    ) in MEASURED_LATER:  # fmt: skip
        plan = replace(
            PLAN, targets=ALL_LINEAR[:targets], length=length, micro_batch=batch, padded=padded,
            checkpointing=checkpointing, dropout=dropout, autocast=autocast,
        )  # fmt: skip
        found.append((model, _method(plan, method), peak))
    return found


SOME = [_measured()[number] for number in (4, 7, 16, 19)]


@pytest.fixture(scope="module")
def seen() -> tuple[Traced, ...]:
    """Some measured points, and one small model by 2 and 3 layers and by 4 and 5."""
    config = _config("qwen2.5-0.5b") | {"num_hidden_layers": 5}
    shape = architecture(config, "config.json")
    small = _job("qwen2.5-0.5b", replace(PLAN, length=256, micro_batch=1))
    few, many = (
        replace(small, config=config, shape=replace(shape, dense_layers=n)) for n in (0, 2)
    )
    assert [depths(few.shape), depths(many.shape)] == [(2, 3), (4, 5)]
    return trace([*(_job(model, plan) for model, plan, _ in SOME), few, many])


def test_peaks_measured_on_gpus_are_met(seen: tuple[Traced, ...]) -> None:
    errors = [one.allocated_bytes / peak - 1 for one, (*_, peak) in zip(seen, SOME, strict=False)]
    print([f"{error:+.2%}" for error in errors])
    assert len(errors) == len(SOME)
    assert max(map(abs, errors)) < 0.02


def test_depth_is_linear(seen: tuple[Traced, ...]) -> None:
    assert seen[-2].moment == seen[-1].moment
    assert seen[-2].allocated_bytes == pytest.approx(seen[-1].allocated_bytes, rel=1e-4)


REAL = """
import json, os, sys, warnings
warnings.simplefilter("ignore")
import torch
from planner.profile import Profile
from runner.trace import step
torch.set_num_threads(1)


def real(config, plan, depth):
    model = step.built(config, plan, depth)
    step.on_cpu(model)
    with torch.no_grad():
        for tensor in (*model.parameters(), *model.buffers()):
            tensor.fill_(0.01)
    live = step.Live(as_gpu=False)
    live.see((*model.parameters(), *model.buffers()))
    with live, step.as_resident(config["vocab_size"]):
        step.steps(model, plan, live)
    return {name: size for name, size in live.peaks.items() if not name.startswith("first")}


config, *profiles = json.load(sys.stdin)
for profile in profiles:
    plan = Profile(**profile | {"targets": tuple(profile["targets"])})
    print("SEEN", json.dumps([real(config, plan, 4), step.peaks(config, plan, 4)]))
"""


def test_fake_tensors_live_as_real_ones_do() -> None:
    plan = replace(PLAN, device="cpu", dtype="float32", length=96, micro_batch=2, dropout=0.0)
    plans = [
        _method(replace(plan, checkpointing=checkpointing), method)
        for method in ("lora", "full")
        for checkpointing in (False, True)
    ]
    config = json.loads((BASE / "config.json").read_text("utf-8"))
    done = subprocess.run(
        [sys.executable, "-c", REAL], input=json.dumps([config, *map(asdict, plans)]),
        capture_output=True, text=True,
        env=os.environ | {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    seen = [json.loads(x[5:]) for x in done.stdout.splitlines() if x.startswith("SEEN")]
    assert len(seen) == len(plans)
    for real, fake in seen:
        assert real == pytest.approx(fake, rel=0.01)


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"method": "qlora"}, "quantised"),
        ({"optimizer": "adamw_8bit"}, "adamw_8bit"),
        ({"objective": "dpo"}, "dpo"),
        ({"packing": True}, "Packed"),
        ({"parallel": "zero2", "ranks": 2}, "one card"),
    ],
)
def test_what_cannot_be_traced_is_refused(changes: dict[str, Any], word: str) -> None:
    assert word in refusal(replace(PLAN, **changes))
    assert refusal(PLAN) == ""


def test_a_class_that_does_not_run_is_one_sentence() -> None:
    job = _job("qwen2.5-0.5b", PLAN)
    with pytest.raises(RunFailed, match="no_such_family"):
        trace([replace(job, config=dict(job.config) | {"model_type": "no_such_family"})])


def test_without_the_train_extra_one_sentence_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runner.trace.find_spec", lambda name: None)
    with pytest.raises(UsageProblem, match="`torch`, `transformers`, `trl`, `peft`") as raised:
        trace([_job("qwen2.5-0.5b", PLAN)])
    assert raised.value.hint == "pip install 'tunelock[train]'"


def test_fit_tells_the_trace_beside_the_closed_form() -> None:
    pins = ("--memory", "24", "--length", "256", "--micro-batch", "1", "--no-checkpointing")
    told = tunelock("fit", str(BASE), *pins, "--trace", "--json")
    assert told.returncode == 0, told.stderr
    plans = {plan["method"]: plan for plan in json.loads(told.stdout)["plans"]}
    assert plans["qlora"]["traced_allocated_bytes"] is None
    for method in ("full", "lora"):
        plan = plans[method]
        assert abs(plan["traced_allocated_bytes"] / plan["peak_allocated_bytes"] - 1) < 0.1
    refused = tunelock("fit", str(BASE), *pins, "--trace", "--method", "qlora")
    assert refused.returncode == 2
    assert "cannot be traced" in refused.stderr
