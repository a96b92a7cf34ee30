"""Engines whose processes share the states of a training: what one process does, saved and resumed.

Two gloo processes; DeepSpeed counts this processor as its accelerator.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

pytest.importorskip("trl")
pytest.importorskip("deepspeed")

from tests import ranks
from tests.ranks import Case
from tests.runner.engines.families import case_of
from tests.runner.training.test_sft import base as base

pytestmark = pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing:FutureWarning")
WRAPPERS = {
    "single": "", "ddp": "DistributedDataParallel", "fsdp2": "FSDP", "zero1": "DeepSpeedEngine",
    "zero2": "DeepSpeedEngine", "zero3": "DeepSpeedEngine",
}  # fmt: skip
SHARED = ("zero1", "zero2", "zero3", "fsdp2")
Left = Sequence[dict[str, Any]]


def case(base: Path, work: Path, method: str, engine: str = "single", **changes: Any) -> Case:
    """Return a training of 20 steps, of two processes unless the engine has one."""
    count = 1 if engine == "single" else 2
    own = {"engine": engine, "ranks": count, **changes}
    return Case(base=str(base), work=str(work / f"{engine}-{method}"), method=method, **own)


def saved(given: Case) -> Mapping[str, torch.Tensor]:
    """Return the tensors of a result."""
    found: dict[str, torch.Tensor] = {}
    for path in (Path(given.work) / "train" / "result").glob("*.safetensors"):
        found |= load_file(path)
    return found


def apart(one: Case, other: Case) -> float:
    """Return the greatest relative distance of the tensors of two results."""
    left, right = saved(one), saved(other)
    assert left.keys() == right.keys() and left
    assert all(left[name].dtype == right[name].dtype for name in left)
    assert all(value.isfinite().all() for value in (*left.values(), *right.values()))
    differing = [name for name in left if not torch.equal(left[name], right[name])]
    return max([0.0, *(float((left[n] - right[n]).norm() / left[n].norm()) for n in differing)])


def assert_shared(given: Case, found: Left) -> None:
    """Assert that every process holds its share only."""
    for one in found:
        shares = one["shares"]
        assert WRAPPERS[given.engine] in shares["wrapper"]
        whole = shares["parameters"] if given.engine in ("zero3", "fsdp2") else 0
        expected = whole / given.ranks if whole else shares["parameters"]
        assert shares["parameters_here"] == pytest.approx(expected, rel=0.01)
        trained = shares["trained"] / (1 if given.engine == "ddp" else given.ranks)
        assert shares["optimized_here"] == pytest.approx(trained, rel=0.01)


def assert_same(one: tuple[Case, Left], other: tuple[Case, Left], steps: int = 20) -> None:
    """Assert equal losses and results of two trainings."""
    for kind in ("step", "evaluation"):
        left, right = ranks.losses(one[1], kind), ranks.losses(other[1], kind)
        assert left and right == pytest.approx(left, rel=1e-4)
    assert len(ranks.losses(one[1])) == steps
    tokens = [
        [e["tokens"] for e in found[0]["events"] if "tokens" in e] for _, found in (one, other)
    ]
    assert tokens[0] == tokens[1]
    assert apart(one[0], other[0]) < 1e-3


def test_two_processes_that_share_train_what_one_does(base: Path, tmp_path: Path) -> None:
    """All weights of a mixture, whose processes route to different experts, and an adapter. The
    last step has five rows: one process computes a blank one, which its router does not count."""
    short: dict[str, Any] = {"steps": 3, "settings": {"evaluate_steps": 2}}
    mixture = case_of("qwen3_moe", tmp_path / "mixture", base).base
    cases = [
        case(Path(mixture), tmp_path, "full", **short),
        *(case(Path(mixture), tmp_path, "full", one, **short) for one in ("zero3", "fsdp2")),
        case(base, tmp_path, "lora", **short),
        case(base, tmp_path, "lora", "zero2", **short),
        case(base, tmp_path, "lora", "ddp", **short, pass_tokens=60),
    ]
    alone, *others = zip(cases[:3], (found := ranks.run_all(cases))[:3], strict=True)
    for one in others:
        assert_shared(*one)
        assert_same(alone, one, steps=3)
    assert_shared(cases[4], found[4])
    assert_same((cases[3], found[3]), (cases[4], found[4]), steps=3)
    assert apart(cases[3], cases[5]) < 1e-3


@pytest.fixture(scope="module")
def alone(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, tuple[Case, Left]]:
    """What one process does, by method."""
    work = tmp_path_factory.mktemp("alone")
    cases = [case(base, work, method) for method in ("full", "lora")]
    return {one.method: (one, left) for one, left in zip(cases, ranks.run_all(cases), strict=True)}


ALL: list[tuple[str, str, dict[str, Any]]] = [
    *((engine, method, {}) for engine in SHARED for method in ("full", "lora")),
    ("zero2", "full", {"offload": "optimizer"}), ("zero3", "full", {"offload": "all"}),
    ("zero3", "lora", {"offload": "all"}), ("fsdp2", "full", {"offload": "all"}),
    ("zero3", "full", {"ranks": 4, "bucket": 5000, "prefetch": 2000}),
    ("fsdp2", "lora", {"ranks": 4}), ("zero2", "full", {"ranks": 1, "offload": "optimizer"}),
]  # fmt: skip


@pytest.mark.slow
def test_every_engine_trains_what_one_process_does(
    base: Path, tmp_path: Path, alone: Mapping[str, tuple[Case, Left]]
) -> None:
    cases = [
        case(base, tmp_path / str(number), method, engine, **changes)
        for number, (engine, method, changes) in enumerate(ALL)
    ]
    for one, found in zip(cases, ranks.run_all(cases), strict=True):
        assert_shared(one, found)
        assert_same(alone[one.method], (one, found))


@pytest.mark.slow
def test_passes_are_shared(base: Path, tmp_path: Path) -> None:
    engines = [("single", 1), ("ddp", 2), ("ddp", 4), *((engine, 2) for engine in SHARED)]
    cases = [
        case(base, tmp_path / str(number), "lora", engine, ranks=count, pass_tokens=60, missing=7)
        for number, (engine, count) in enumerate(engines)
    ]
    found = ranks.run_all(cases)
    for one in zip(cases[1:], found[1:], strict=True):
        assert_same((cases[0], found[0]), one)


MOVES: list[tuple[str, dict[str, Any], str, dict[str, Any]]] = [
    ("zero1", {}, "zero1", {}),
    ("zero2", {}, "zero3", {"ranks": 4}),
    ("zero3", {"ranks": 4}, "zero3", {}),
    ("fsdp2", {}, "fsdp2", {"ranks": 4}),
    ("fsdp2", {}, "zero2", {"offload": "optimizer"}),
    ("single", {}, "zero3", {}),
    ("zero2", {}, "single", {}),
    ("ddp", {}, "fsdp2", {}),
    ("fsdp2", {}, "ddp", {"ranks": 4}),
    ("ddp", {}, "single", {}),
]


@pytest.mark.slow
@pytest.mark.parametrize("method", ["full", "lora"])
def test_a_stopped_training_continues_in_any_number_of_processes(
    method: str, base: Path, tmp_path: Path, alone: Mapping[str, tuple[Case, Left]]
) -> None:
    begun, resumed = [], []
    for number, (engine, changes, later, others) in enumerate(MOVES):
        first = case(base, tmp_path / str(number), method, engine, stop_after=7, **changes)
        begun.append(first)
        resumed.append(case(base, tmp_path, method, later, **others).at(first.work))
    before = ranks.run_all(begun)
    after = ranks.run_all(resumed)
    whole, found = alone[method]
    for first, one, left, right in zip(begun, resumed, before, after, strict=True):
        losses = ranks.losses(left) + ranks.losses(right)
        assert len(ranks.losses(left)) == 8, first  # it stops at the end of the next step
        assert losses == pytest.approx(ranks.losses(found), rel=1e-4)
        assert apart(whole, one) < 1e-3


@pytest.mark.slow
def test_the_best_checkpoint_is_the_result(base: Path, tmp_path: Path) -> None:
    settings = {"keep": "best", "evaluate_steps": 2, "learning_rate": 0.05}
    cases = [
        case(base, tmp_path, "lora", engine, steps=4, settings=settings)
        for engine in ("single", "zero2", "zero3", "fsdp2")
    ]
    found = ranks.run_all(cases)
    losses = ranks.losses(found[0], "evaluation")
    assert min(losses) < losses[-1], "the last one is the best: nothing is tested"
    for one in cases[1:]:
        assert apart(cases[0], one) < 1e-3


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["zero2", "zero3", "fsdp2"])
def test_a_killed_process_ends_the_others_and_the_training_resumes(
    engine: str, base: Path, tmp_path: Path, alone: Mapping[str, tuple[Case, Left]]
) -> None:
    given = case(base, tmp_path, "lora", engine, kill_after=13)
    processes = ranks.start(given)
    assert processes[-1].wait(300) == -9
    assert processes[0].wait(15) == 71
    found = ranks.run(replace(given, kill_after=0))
    whole, left = alone["lora"]
    assert ranks.losses(found) == pytest.approx(ranks.losses(left)[10:], rel=1e-4)
    assert apart(whole, given) < 1e-3


@pytest.mark.slow
def test_what_is_saved_loads_without_us(base: Path, tmp_path: Path) -> None:
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    cases = [
        case(base, tmp_path, method, engine, steps=3)
        for method in ("full", "lora")
        for engine in ("zero3", "fsdp2")
    ]
    ranks.run_all(cases)
    for one in cases:
        result = Path(one.work) / "train" / "result"
        if one.method == "full":
            model = AutoModelForCausalLM.from_pretrained(result)
            assert model.dtype == torch.float32
        else:
            model = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(base), result)
        assert torch.isfinite(model(input_ids=torch.tensor([[5, 6, 7]])).logits).all()
