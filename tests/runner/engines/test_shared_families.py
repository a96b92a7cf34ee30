"""Mixtures, linear attention, tied embeddings and shared keys, under engines that share states.

Tiny models of the real classes, two gloo processes, against one process.
"""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

pytest.importorskip("trl")
pytest.importorskip("deepspeed")

from planner.models.families import FAMILIES
from runner.trace.text_only import from_config
from tests import ranks
from tests.ranks import Case
from tests.runner.engines.families import CHANGES, case_of
from tests.runner.engines.test_shared import apart, assert_same, assert_shared, saved
from tests.runner.inputs.test_parameter_count import tiny
from tests.runner.training.test_sft import base as base

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing:FutureWarning"),
]
ENGINES = ("ddp", "zero1", "zero2", "zero3", "fsdp2")
Make = Callable[[str], Case]


@pytest.fixture(scope="module")
def made(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Make:
    """Makes the case of a family in one process, with its model."""

    return lambda family: case_of(family, tmp_path_factory.mktemp(family), base)


def cases(alone: Case, work: Path, engines: Sequence[str], **changes: Any) -> list[Case]:
    """Return the case of one process, and those of engines in two."""
    both = [replace(alone, work=str(work / "single"), **changes)]
    for engine in engines:
        both.append(replace(both[0], work=str(work / engine), engine=engine, ranks=2))
    return both


def assert_all_same(every: Sequence[Case]) -> None:
    """Run cases and compare each with the first."""
    alone, *others = zip(every, ranks.run_all(every), strict=True)
    for one in others:
        if not (one[0].engine == "ddp" and one[0].pass_tokens):  # no module of torch is around it
            assert_shared(*one)
        assert_same(alone, one, steps=every[0].steps)


@pytest.mark.parametrize("method", ["full", "lora"])
@pytest.mark.parametrize("family", CHANGES)
def test_a_family_trains_under_every_engine(
    family: str, method: str, made: Make, tmp_path: Path
) -> None:
    every = cases(made(family), tmp_path, ENGINES, method=method)
    assert_all_same(every)
    for one in every:
        _loads_without_us(one)


def _loads_without_us(one: Case) -> None:
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    result = Path(one.work) / "train" / "result"
    whole = AutoModelForCausalLM.from_pretrained(result if one.method == "full" else one.base)
    if one.method == "full":
        stored = saved(one)
        assert (
            stored.keys() == saved(replace(one, work=str(Path(one.work).parent / "single"))).keys()
        )
    else:
        whole = PeftModel.from_pretrained(whole, result)
    assert torch.isfinite(whole(input_ids=torch.tensor([[5, 6, 7]])).logits).all()


def test_a_router_counts_passes_that_have_rows(made: Make, tmp_path: Path) -> None:
    """Each pass is a row; of the last step and of the evaluation one process has a blank one."""
    alike = {"pass_tokens": 24, "shortest": 24, "longest": 24, "steps": 3}
    assert_all_same(cases(made("qwen3_moe"), tmp_path, ["ddp", "zero2", "fsdp2"], **alike))


def test_a_multimodal_model_trains_in_passes(made: Make, tmp_path: Path) -> None:
    """Its class does not take the number of scored tokens, by which losses of passes are summed."""
    alike: dict[str, Any] = {"method": "lora", "steps": 3, "epsilon": 1e-3, "pass_tokens": 48}
    assert_all_same(cases(made("qwen3_vl"), tmp_path, ["ddp", "zero2"], **alike))


def test_a_blank_row_has_finite_gradients(made: Make, tmp_path: Path) -> None:
    """Gemma 3n's embedding of padding is zero, as are its gates then: their deviation has none."""
    alike: dict[str, Any] = {"method": "lora", "steps": 3, "epsilon": 1e-3}
    assert_all_same(cases(made("gemma3n_text"), tmp_path, ["ddp", "zero3", "fsdp2"], **alike))


@pytest.mark.parametrize("method", ["full", "lora"])
def test_rows_may_be_shorter_than_a_compressed_entry(
    method: str, made: Make, tmp_path: Path
) -> None:
    """Its layers compress 2 or 3 tokens to one: of those, a process without rows has one."""
    short = {"micro_batch": 1, "step_rows": 4, "missing": 1, "shortest": 2, "longest": 4}
    alike: dict[str, Any] = {"method": method, "steps": 4, "epsilon": 1e-3, **short}
    assert_all_same(cases(made("deepseek_v4"), tmp_path, ENGINES, **alike))


BIASED: dict[str, Any] = {
    "method": "lora", "bias": "all", "steps": 6, "epsilon": 1e-3,
    "settings": {"attention": "sdpa", "evaluate_steps": 2},
}  # fmt: skip


@pytest.mark.parametrize(
    ("family", "bias"),
    [("gpt2", "transformer.ln_f"), ("phi", "lm_head"), ("stablelm", "model.norm")],
)
def test_biases_outside_of_layers_are_trained(
    family: str, bias: str, made: Make, tmp_path: Path
) -> None:
    """FSDP2 has the last norm and the head complete after an evaluation, as no layer has them."""
    every = cases(made(family), tmp_path, ENGINES, **BIASED)
    assert_all_same(every)
    assert saved(every[-1])[f"base_model.model.{bias}.bias"].any(), "it was zero and still is"


@pytest.mark.parametrize("family", ["qwen3_vl", "glm_moe_dsa"])
def test_an_adapter_has_the_biases_that_were_trained(
    family: str, made: Make, tmp_path: Path
) -> None:
    """Those of a vision tower and of an indexer are frozen."""
    every = cases(made(family), tmp_path, ["ddp", "zero2", "zero3", "fsdp2"], **BIASED)
    ranks.run_all(every)
    alone, *others = (saved(one).keys() for one in every)
    assert not [name for name in alone if "visual" in name or "indexer" in name]
    assert [one ^ alone for one in others] == [set()] * len(others)


def test_the_best_of_them_is_the_result(made: Make, tmp_path: Path) -> None:
    fast = {"keep": "best", "learning_rate": 10.0, "warmup_ratio": 0.9}
    changes = BIASED | {"settings": BIASED["settings"] | fast, "epsilon": 1e-8}
    every = cases(made("stablelm"), tmp_path, ["fsdp2"], **changes)
    losses = ranks.losses(ranks.run_all(every)[0], "evaluation")
    assert min(losses) < losses[-1], "the last one is the best: nothing is tested"
    assert apart(*every) < 1e-3


@pytest.mark.parametrize(
    ("first", "later"),
    [
        ("fsdp2", "fsdp2"), ("fsdp2", "single"), ("fsdp2", "zero3"), ("ddp", "fsdp2"),
        ("zero2", "fsdp2"),
    ],
)  # fmt: skip
def test_they_continue_under_another_engine(
    first: str, later: str, made: Make, tmp_path: Path
) -> None:
    alone = cases(made("stablelm"), tmp_path, [], **BIASED)[0]
    one, other = (
        replace(alone, work=str(tmp_path / "both"), engine=name, ranks=1 + (name != "single"))
        for name in (first, later)
    )
    whole, begun, rest = ranks.run_all([alone, replace(one, stop_after=2), other])
    losses = ranks.losses(begun) + ranks.losses(rest)
    assert len(ranks.losses(begun)) == 3
    assert losses == pytest.approx(ranks.losses(whole), rel=1e-4)
    assert apart(alone, other) < 1e-3


@pytest.mark.parametrize("engine", ["single", "ddp", "zero3"])
def test_all_weights_of_a_mixture_resume(engine: str, made: Make, tmp_path: Path) -> None:
    """Files of models have experts one by one, and their class has them together."""
    alone, *others = cases(made("qwen3_moe"), tmp_path, [] if engine == "single" else [engine])
    one = others[0] if others else replace(alone, work=str(tmp_path / "again"))
    found = ranks.run_all([alone, replace(one, stop_after=7)])
    again = ranks.run(one)
    losses = ranks.losses(found[1]) + ranks.losses(again)
    assert losses == pytest.approx(ranks.losses(found[0]), rel=1e-4)
    assert apart(alone, one) < 1e-3


@pytest.mark.parametrize("family", [name for name, one in FAMILIES.items() if one.experts])
def test_the_experts_of_a_layer_are_one_tensor(family: str) -> None:
    """So every process gathers all of them, whichever its rows are routed to: ZeRO stage 3 would
    wait forever for experts that are modules of their own, and that only some processes call."""
    from transformers import CONFIG_MAPPING

    with warnings.catch_warnings(), torch.device("meta"):
        warnings.simplefilter("ignore")
        model = from_config(CONFIG_MAPPING[family](**tiny(family)))
    lists = [
        name for name, one in model.named_modules()
        if isinstance(one, torch.nn.ModuleList) and "expert" in name
    ]  # fmt: skip
    assert lists == []
    assert any(one.ndim == 3 for name, one in model.named_parameters() if "experts." in name)
