"""Fake tensors against real ones on CPU, and what a trace says where it cannot be made."""

import json
import os
import subprocess
from dataclasses import asdict, replace

import pytest

from lockfiles.errors import RunFailed, UsageProblem
from planner.memory import Profile
from runner.trace import refusal, trace
from tests.planner.memory.test_memory import BASE, PLAN
from tests.programs import command
from tests.runner.trace.test_trace import FULL, job_of
from tests.tui.test_cli import tunelock

ADAPTED, WHOLE = (
    replace(plan, dropout=0.0, device="cpu", dtype="float32", length=96, micro_batch=2)
    for plan in (PLAN, FULL)
)
PLANS: list[Profile] = [
    ADAPTED,
    replace(ADAPTED, checkpointing=True),
    WHOLE,
    replace(WHOLE, checkpointing=True, optimizer="adamw_8bit"),
    replace(ADAPTED, method="qlora"),
    replace(ADAPTED, method="qlora", checkpointing=True, objective="dpo"),
    replace(WHOLE, objective="dpo"),
    replace(ADAPTED, objective="reward"),
    replace(WHOLE, objective="reward", checkpointing=True),
]


@pytest.mark.slow
def test_fake_tensors_live_as_real_ones_do() -> None:
    config = json.loads((BASE / "config.json").read_text("utf-8"))
    done = subprocess.run(
        command("trace_real_tensors"), input=json.dumps([config, *map(asdict, PLANS)]),
        capture_output=True, text=True,
        env=os.environ | {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    seen = [json.loads(x[5:]) for x in done.stdout.splitlines() if x.startswith("SEEN")]
    assert len(seen) == len(PLANS)
    for real, fake in seen:
        assert real == pytest.approx(fake, rel=0.01)


def test_several_cards_are_refused() -> None:
    assert "a single card" in refusal(replace(PLAN, parallel="zero2", ranks=2))
    assert refusal(replace(PLAN, method="qlora", objective="dpo", packing=True)) == ""


@pytest.mark.slow
def test_a_class_that_does_not_run_is_one_sentence() -> None:
    job = job_of("qwen2.5-0.5b", replace(PLAN, objective="reward"))
    with pytest.raises(RunFailed, match="class could not be traced") as raised:
        trace([replace(job, config=dict(job.config) | {"model_type": "granite"})])
    assert len(raised.value.message) < 300


def test_without_the_train_extra_one_sentence_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runner.trace.find_spec", lambda name: None)
    with pytest.raises(UsageProblem, match="`torch`, `transformers`, `trl`, `peft`") as raised:
        trace([job_of("qwen2.5-0.5b", PLAN)])
    assert raised.value.hint == "pip install 'tunelock[train]'"


@pytest.mark.slow
def test_fit_tells_the_trace_beside_the_closed_form() -> None:
    pins = ("--memory", "24", "--length", "256", "--micro-batch", "1", "--no-checkpointing")
    told = tunelock("fit", str(BASE), *pins, "--trace", "--json")
    assert told.returncode == 0, told.stderr
    assert told.stderr == "tracing one step of 3 plans …\n"
    for plan in json.loads(told.stdout)["plans"]:
        assert abs(plan["traced_allocated_bytes"] / plan["peak_allocated_bytes"] - 1) < 0.1
    refused = tunelock("fit", str(BASE), "--gpu", "H100:2", "--parallel", "ddp", "--trace")
    assert refused.returncode == 2
    assert "a single card can be traced" in refused.stderr


@pytest.mark.slow
def test_fit_traces_a_model_of_the_catalogue() -> None:
    pins = ("--memory", "24", "--method", "qlora", "--length", "256", "--micro-batch", "1")
    told = tunelock("fit", "HuggingFaceTB/SmolLM2-135M", *pins, "--trace")
    assert told.returncode == 0, told.stderr
    assert told.stderr == "tracing one step of 1 plan …\n"
    assert "QLoRA: traced 0." in told.stdout
