"""The passes that a plan for a card chooses, and what a lock says of them."""

import random
from dataclasses import replace
from pathlib import Path

import pytest

from lockfiles import lock as locks
from lockfiles.errors import DigestDiffers, UsageProblem
from planner.fit import models
from planner.memory import estimate
from planner.models.facts import ModelFacts
from planner.plan.gather import gather
from planner.plan.plan import plan
from planner.search import ranking, reasons
from planner.search.candidates import Candidates
from planner.search.lora_targets import preset
from planner.search.passes import Steps, laid_out, steps_of
from planner.search.request import Request
from planner.setup.setup import Kind
from runner.demo import files
from runner.inputs import verify
from runner.inputs.setup import profile_of
from tests.planner.plan.test_plan import answers
from tests.planner.search.test_rehearsal import GPU_MACHINE, ON_CARD

GIB = 1 << 30


def _lengths() -> list[int]:
    source = random.Random(7)
    return [max(16, min(2048, int(source.lognormvariate(5.7, 0.75)))) for _ in range(600)]


def _candidates(memory_bytes: int, name: str = "meta-llama/Llama-3.1-8B") -> Candidates:
    found, many = models.find(name), _lengths()
    card = replace(
        GPU_MACHINE.gpus[0], name="NVIDIA H100 80GB HBM3", memory_bytes=memory_bytes,
        free_bytes=memory_bytes, compute_capability="9.0",
    )  # fmt: skip
    request = Request(
        longest=max(many), rank=16, targets=preset(found.architecture, "all-linear"),
        dropout=0.0, objective="sft", method="lora", rows=len(many), lengths=many, seed=17,
        epochs=3, tokens=sum(many), compiled=False, recorded=False,
    )  # fmt: skip
    facts = ModelFacts(name, (), found.architecture, found.parameters, "BF16")
    return Candidates(request, facts, replace(GPU_MACHINE, gpus=(card,)))


@pytest.mark.parametrize("memory", [30, 40, 60, 79])
def test_passes_are_the_largest_that_occur_and_fit(memory: int) -> None:
    every = _candidates(memory * GIB)
    found = ranking.best(every)
    assert found is not None and found.attention == "varlen"
    assert every.fits(found)
    steps = every.steps
    assert steps.greatest(found.pass_tokens) == found.pass_tokens
    if found.pass_tokens < steps.largest:
        assert found.accumulates
        whole = replace(found, pass_tokens=steps.largest, accumulates=False)
        assert not every.fits(whole)
    padded = ranking.fastest_of(every, "lora", packing=False)
    if padded:
        ours, theirs = ranking.seconds(every, found), ranking.seconds(every, padded)
        assert ours is not None and theirs is not None and ours < theirs


def test_a_pass_needs_what_one_row_of_its_length_needs() -> None:
    every = _candidates(79 * GIB)
    found = ranking.best(every)
    assert found is not None
    alone = replace(
        found, length=found.pass_tokens, micro_batch=1, pass_tokens=0, packing=False, padded=False
    )
    assert estimate(every.model, found) == estimate(every.model, alone)
    masked = replace(found, attention="own")
    assert (
        estimate(every.model, masked).peak.peak_bytes > estimate(every.model, found).peak.peak_bytes
    )


def test_eager_attention_and_wide_heads_need_a_mask() -> None:
    for name in ("google/gemma-2-2b", "google/gemma-4-E2B-it"):
        found = ranking.best(_candidates(79 * GIB, name))
        assert found is not None and found.pass_tokens and found.attention == "own"
        said = reasons.why(_candidates(79 * GIB, name), found)["train.attention"]
        assert "mask" in said


@pytest.mark.parametrize(("method", "attention"), [("lora", "varlen"), ("qlora", "own")])
def test_float32_queries_are_not_rounded(method: Kind, attention: str) -> None:
    """LayerNorm and 4-bit layers make the residual stream of Phi float32 under autocast."""
    every = _candidates(79 * GIB, "microsoft/phi-1_5")
    every = replace(every, request=replace(every.request, method=method))
    found = ranking.best(every)
    assert found is not None and found.attention == attention


def test_a_plan_says_that_the_longest_row_limits_its_passes() -> None:
    every = _candidates(79 * GIB)
    found, longest = ranking.best(every), every.steps.longest
    assert found is not None and found.pass_tokens > longest
    words = f"passes of at most {longest:,} tokens, those of the longest row"
    assert words not in reasons.why(every, found)["train.accumulation"]
    least = replace(found, pass_tokens=longest, accumulates=True)
    assert words in reasons.why(every, least)["train.accumulation"]


def test_attention_with_dropout_needs_a_mask() -> None:
    every = _candidates(79 * GIB)
    assert isinstance(every.model, ModelFacts)
    drops = replace(every, model=replace(every.model, drops_scores=True))
    found = ranking.best(drops)
    assert found is not None and found.pass_tokens and found.attention == "own"
    assert "no dropout" in reasons.why(drops, found)["train.attention"]


def test_reasons_say_what_a_lock_holds() -> None:
    every = _candidates(22 * GIB)
    found = ranking.best(every)
    assert found is not None and found.checkpointing and found.accumulates
    said = reasons.why(every, found)
    most = every.steps.most_passes(found.pass_tokens)
    assert f"A step takes up to {most} passes" in said["train.accumulation"]
    longest = reasons.without_checkpointing(every, found)
    assert longest.attention == "varlen" and longest.pass_tokens == every.steps.longest
    assert f"even passes of {longest.pass_tokens:,} tokens" in said["train.checkpointing"]


def test_reasons_of_steps_of_one_row() -> None:
    plain = _candidates(79 * GIB)
    alone = replace(plain, request=replace(plain.request, effective_batch=1))
    found = ranking.best(alone)
    assert found is not None and found.pass_tokens == max(_lengths())
    said = reasons.why(alone, found)
    assert said["train.micro_batch"].startswith("Each row is a pass of its own")
    assert said["stream.packing"].startswith("Micro-batches of 1 need no padding either, but would")


def test_reasons_of_many_rows_name_no_number_of_passes() -> None:
    plain = _candidates(40 * GIB)
    many = _lengths() * 400
    long = replace(plain, request=replace(plain.request, lengths=many, rows=len(many)))
    found = ranking.best(long)
    assert found is not None and not long.steps.known
    assert "would take several passes" in reasons.why(long, found)["train.accumulation"]


def test_limits_are_tight_and_long_runs_are_bounded() -> None:
    steps = steps_of(_lengths(), 16, 17, 2)
    assert steps.known and len(steps.lengths) == 76
    plain = ranking.best(_candidates(79 * GIB))
    assert plain is not None
    found = laid_out(plain, steps, lambda one: one.pass_tokens <= 5000)
    assert steps.greatest(found.pass_tokens) == found.pass_tokens <= 5000
    nothing = laid_out(plain, steps, lambda one: False)
    assert nothing.pass_tokens == steps.longest
    many = steps_of([5, 9, 3] * 100_000, 2, 17, 1)
    assert many == Steps(((9, 9),), known=False)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("demo")
    files.write(made)
    return made


@pytest.fixture(scope="module")
def lock(folder: Path) -> locks.TrainingLock:
    asked = answers(**ON_CARD)
    return plan(asked, gather(asked, folder, machine=GPU_MACHINE))


def test_a_lock_holds_the_passes_and_a_run_checks_them(
    lock: locks.TrainingLock, folder: Path
) -> None:
    train = lock.train
    assert train.attention == "varlen" and train.pass_tokens > 0
    assert len(lock.stream.passes_sha256) == train.epochs
    assert ", without padding." in lock.why["prediction.seconds"]
    assert locks.parse(locks.write(lock)) == lock
    plain = profile_of(lock, 1, padded=True)
    assert plain.pass_tokens == train.pass_tokens and plain.attention == "varlen"
    places = {name: folder / "rows" / f"{name}.jsonl" for name in ("train", "test")}
    verify.corpus_of(lock, folder / "base", places)
    wrong = lock.stream.model_copy(update={"passes_sha256": ["0" * 64] * train.epochs})
    with pytest.raises(DigestDiffers, match="passes"):
        verify.corpus_of(lock.model_copy(update={"stream": wrong}), folder / "base", places)


@pytest.mark.parametrize(
    ("table", "changes", "field"),
    [
        ("stream", {"passes_sha256": []}, "stream.passes_sha256"),
        ("stream", {"packing": False}, "train.pass_tokens"),
        ("train", {"pass_tokens": 0}, "stream.passes_sha256"),
        ("train", {"most_passes": 1000}, "train.most_passes"),
        ("train", {"pass_tokens": 1 << 30}, "train.pass_tokens"),
        ("train", {"dtype": "float32"}, "train.attention"),
    ],
)
def test_passes_that_contradict_the_rest_are_refused(
    lock: locks.TrainingLock, table: str, changes: dict[str, object], field: str
) -> None:
    tables = lock.model_dump()
    tables[table] = tables[table] | changes
    with pytest.raises(UsageProblem, match=field.replace(".", r"\.")):
        locks.of_tables(tables)
