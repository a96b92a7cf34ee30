"""What `fit` can propose, `plan` can plan: a lock for each way to share the work."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from lockfiles import lock
from lockfiles.errors import DoesNotFit, TunelockError, UsageProblem
from lockfiles.lock import TrainingLock
from lockfiles.training import OFFLOADING
from planner.fit.answers import answers as fit_answers
from planner.fit.models import find
from planner.fit.reasons import shown
from planner.fit.request import FitRequest, Wish
from planner.machines.facts import CardLinks, Gpu, MachineFacts
from planner.parallelism.engines import RUNS, cannot_run
from planner.parallelism.layouts import Layout, Offload, layouts
from planner.plan.gather import PlanFacts, gather
from planner.plan.plan import plan
from planner.search.reasons import YOURS
from runner.inputs.setup import profile_of
from runner.supervisor.preflight import check_engine
from tests.planned import GIB, answers, few_rows
from tui.session.planning import counted_on

CARD = Gpu("NVIDIA L4", 22 * GIB, 21 * GIB, "8.9")
CARDS = MachineFacts("cuda", (CARD,) * 4, 8, 64 * GIB, 60 * GIB, 100 * GIB, "570.1")
ON_CARDS: dict[str, Any] = {"machine__device": "cuda", "train__exact": False}
LAYOUTS = [
    (count, layout)
    for count in (1, 2, 4)
    for engine in ("ddp", "zero1", "zero2", "zero3", "fsdp2")
    for layout in layouts(count, engine)
]


@pytest.fixture(scope="module")
def facts(tmp_path_factory: pytest.TempPathFactory) -> PlanFacts:
    """The demo's facts, with rows that are all of one length."""
    folder = few_rows(tmp_path_factory.mktemp("parallel"))
    found = gather(answers(**ON_CARDS, data__validation_fraction=0), folder, machine=CARDS)
    rows, longest = found.stream.rows, found.stream.longest
    return replace(found, stream=replace(found.stream, lengths=(longest,) * rows))


def _named(case: tuple[int, Layout]) -> str:
    count, (engine, offload) = case
    return f"{count}-{engine}-{offload}"


def _asked(case: tuple[int, Layout]) -> Mapping[str, Any]:
    count, (engine, offload) = case
    parallel = "auto" if engine == "single" else engine
    return {
        **ON_CARDS, "data__validation_fraction": 0, "method__kind": "lora",
        "machine__processes": count, "machine__parallel": parallel, "machine__offload": offload,
    }  # fmt: skip


@pytest.mark.parametrize("case", LAYOUTS, ids=_named)
def test_a_lock_holds_what_fit_proposes(facts: PlanFacts, case: tuple[int, Layout]) -> None:
    count, (engine, offload) = case
    asked = answers(**_asked(case))
    made = plan(asked, facts)
    assert lock.parse(lock.write(made)).training() == made
    assert (made.parallel.engine, made.parallel.processes) == (engine, count)
    assert (made.parallel.offload, made.machine.count) == (offload, count)
    wish = Wish(
        method="lora", length=facts.stream.longest, offload=offload,
        parallel=None if engine == "single" else engine,
    )  # fmt: skip
    machine = replace(CARDS, gpus=(CARD,) * count)
    (found,) = fit_answers(FitRequest(find(facts.model.source), machine, wish, padded=True))
    assert found.plan.profile == profile_of(made, facts.stream.longest, found.plan.profile.padded)
    assert found.plan.accumulation == made.train.accumulation
    assert found.plan.allocated_bytes == made.prediction.peak_bytes
    assert dict(found.plan.estimate.peak.components) == made.prediction.components
    said = [made.why[key] for key in shown(found.plan.profile) if made.why.get(key, YOURS) != YOURS]
    assert list(found.reasons[: len(said)]) == said
    beyond = cannot_run("cuda", engine, count, offload)
    told = [one for one in found.reasons if one.startswith("To plan this, set ")]
    assert (f"`plan` refuses this. {beyond}" in found.reasons) if beyond else told
    for line in told:
        assert not beyond
        assert (f"`processes = {count}`" in line) == (count > 1)
        assert (f'`parallel = "{engine}"`' in line) == (engine != "single")
        assert line.endswith(f'`offload = "{offload}"` under `[machine]` in `run.toml`.')
    if made.prediction.step_seconds or found.step_seconds:
        assert made.prediction.step_seconds == pytest.approx(found.step_seconds, rel=0.05)
    assert plan(asked, replace(facts, machine=counted_on(made))) == made


@pytest.mark.parametrize("case", LAYOUTS, ids=_named)
def test_what_this_version_cannot_run_is_refused(
    facts: PlanFacts, case: tuple[int, Layout]
) -> None:
    count, (engine, offload) = case
    made = plan(answers(**_asked(case)), facts)
    sentence = cannot_run("cuda", engine, count, offload)
    if (engine, offload) != ("fsdp2", "optimizer"):
        assert sentence == ""
        check_engine(made)
        return
    with pytest.raises(DoesNotFit) as refused:
        check_engine(made)
    assert refused.value.message == sentence
    assert "processes = 1" in refused.value.hint


def _on_two(facts: PlanFacts, *cards: Gpu) -> TrainingLock:
    asked = answers(**_asked((2, ("ddp", "none"))))
    return plan(asked, replace(facts, machine=replace(CARDS, gpus=cards)))


def test_a_plan_counts_only_the_cards_that_train(facts: PlanFacts) -> None:
    busy, old = replace(CARD, free_bytes=2 * GIB), Gpu("Tesla T4", 15 * GIB, 15 * GIB, "7.5")
    both = _on_two(facts, CARD, CARD)
    assert _on_two(facts, CARD, CARD, busy, old) == both
    assert _on_two(facts, CARD, busy, CARD).machine.memory_bytes == busy.free_bytes
    assert both.train.dtype == "bfloat16"
    assert _on_two(facts, CARD, old).train.dtype == "float32"


def test_different_cards_take_as_long_as_the_slowest(facts: PlanFacts) -> None:
    fast = Gpu("NVIDIA H100 80GB HBM3", 79 * GIB, 79 * GIB, "9.0")
    alike, mixed = _on_two(facts, CARD, CARD), _on_two(facts, fast, CARD)
    said = "The cards differ: steps take as long as on the slowest, `L4`"
    assert said in mixed.why["prediction.seconds"]
    assert said not in alike.why["prediction.seconds"]
    assert mixed.prediction.step_seconds >= alike.prediction.step_seconds > 0
    assert mixed.machine.memory_bytes == alike.machine.memory_bytes
    assert _on_two(facts, CARD, fast).prediction == mixed.prediction


@pytest.mark.parametrize("engine", ["ddp", "zero2", "zero3", "fsdp2"])
def test_several_processes_share_the_passes_of_a_step(facts: PlanFacts, engine: str) -> None:
    rows = facts.stream.rows
    lengths = tuple(20 + 7 * row % 50 for row in range(rows))
    varied = replace(facts, stream=replace(facts.stream, lengths=lengths))
    asked = answers(**_asked((2, (engine, "none"))))
    made = plan(asked, varied)
    train, effective = made.train, made.train.micro_batch * made.train.accumulation * 2
    assert made.stream.packing and train.pass_tokens and len(made.stream.passes_sha256) > 0
    assert effective == 16
    assert max(lengths) <= train.pass_tokens < sum(sorted(lengths)[-16:])
    assert lock.parse(lock.write(made)).training() == made
    assert plan(asked, replace(varied, machine=counted_on(made))) == made
    assert not train.graph_sizes or engine == "ddp"


def test_the_last_step_may_have_fewer_rows_than_processes(facts: PlanFacts) -> None:
    lengths = tuple(20 + 7 * row % 50 for row in range(facts.stream.rows))
    varied = replace(
        facts,
        stream=replace(facts.stream, lengths=lengths),
        machine=replace(CARDS, gpus=(CARD,) * 8),
    )
    asked = answers(
        **_asked((8, ("ddp", "none"))), method__cuda_graphs="on", train__effective_batch=8
    )
    made = plan(asked, varied)
    assert 0 < facts.stream.rows % _rows_of_a_step(made) < 8
    assert made.train.graph_sizes
    assert lock.parse(lock.write(made)).training() == made


def test_zero_has_no_larger_bucket_than_gradients(facts: PlanFacts) -> None:
    made = plan(answers(**_asked((2, ("zero2", "none")))), facts)
    trained = facts.model.architecture
    assert 0 < made.parallel.bucket < trained.hidden * trained.vocabulary
    assert profile_of(made, facts.stream.longest, False).bucket == made.parallel.bucket


def test_a_lock_has_the_links_that_were_found(facts: PlanFacts) -> None:
    asked = answers(**_asked((2, ("ddp", "none"))))
    links = CardLinks("pcie", 3e9, 1e9)
    made = plan(asked, replace(facts, machine=replace(CARDS, links=links)))
    rates = made.machine.card_bytes_per_second, made.machine.network_bytes_per_second
    assert rates == (3_000_000_000, 1_000_000_000)
    assert lock.parse(lock.write(made)).training() == made
    assert plan(asked, replace(facts, machine=counted_on(made))) == made
    usual = plan(asked, facts)
    assert "card_bytes_per_second" not in usual.machine.model_dump()
    assert usual.prediction.step_seconds <= made.prediction.step_seconds


@pytest.mark.parametrize("engine", ["ddp", "zero2"])
def test_weights_in_4_bits_are_copied(facts: PlanFacts, engine: str) -> None:
    asked = {**_asked((2, (engine, "none"))), "method__kind": "qlora"}
    check_engine(plan(answers(**asked), facts))


@pytest.mark.parametrize(
    ("engine", "offload", "method", "sentence"),
    [
        ("zero3", "none", "qlora", "ZeRO stage 3 cannot share a base in NF4"),
        ("fsdp2", "none", "qlora", "FSDP2 cannot share a base in NF4"),
        ("fsdp2", "optimizer", "lora", "FSDP2 cannot offload the optimizer without the weights"),
    ],
)
def test_what_an_engine_cannot_do_is_refused(
    facts: PlanFacts, engine: str, offload: Offload, method: str, sentence: str
) -> None:
    """A plan is, and a lock that an earlier version planned."""
    asked = {**_asked((2, (engine, offload))), "method__kind": method}
    with pytest.raises(UsageProblem, match=sentence):
        plan(answers(**asked), facts)
    made = plan(answers(**_asked((2, ("zero2", "none")))), facts)
    own = made.parallel.model_copy(update={"engine": engine, "offload": offload})
    kind = made.method.model_copy(update={"kind": method})
    with pytest.raises(DoesNotFit, match=sentence):
        check_engine(made.model_copy(update={"parallel": own, "method": kind}))


def test_what_no_engine_can_offload_is_refused(facts: PlanFacts) -> None:
    asked = _asked((2, ("zero3", "all")))
    asked = {**asked, "method__kind": "qlora", "machine__parallel": "auto"}
    with pytest.raises(UsageProblem, match="cannot share a base in NF4") as refused:
        plan(answers(**asked), facts)
    assert 'offload = "auto"' in refused.value.hint


def test_what_a_refusal_advises_can_be_run(facts: PlanFacts) -> None:
    alone = plan(answers(**_asked((1, ("single", "none")))), facts)
    assert (alone.parallel.engine, alone.parallel.model_dump()) == (
        "single", {"engine": "single", "processes": 1}
    )  # fmt: skip
    assert (alone.parallel.engine, alone.machine.kind) in RUNS


def test_several_processes_take_as_many_rows_and_less_time(facts: PlanFacts) -> None:
    asked = ({**_asked((n, ("ddp", "none"))), "method__micro_batch": 4} for n in (1, 4))
    alone, four = (plan(answers(**one), facts) for one in asked)
    assert _rows_of_a_step(alone) == _rows_of_a_step(four) == 16
    assert 0.2 < four.prediction.seconds / alone.prediction.seconds < 0.4
    assert four.train.evaluate_steps == alone.train.evaluate_steps
    assert four.why["parallel.engine"] == YOURS


def _rows_of_a_step(made: TrainingLock) -> int:
    return made.train.micro_batch * made.train.accumulation * made.parallel.processes


@pytest.mark.parametrize("machine", [CARDS, replace(CARDS, kind="cpu", gpus=())])
def test_several_machines_share_what_each_has(facts: PlanFacts, machine: MachineFacts) -> None:
    on = "cuda" if machine.gpus else "cpu"
    asked = answers(**ON_CARDS | {
        "machine__device": on, "machine__processes": 8, "machine__nodes": 2,
        "data__validation_fraction": 0, "method__kind": "lora",
    })  # fmt: skip
    own = replace(facts, machine=machine)
    made = plan(asked, own)
    assert (made.parallel.processes, made.parallel.nodes, made.parallel.on_each) == (8, 2, 4)
    assert lock.parse(lock.write(made)).training() == made and "nodes = 2" in lock.write(made)
    assert plan(asked, replace(own, machine=counted_on(made))) == made
    alone = plan(answers(**ON_CARDS | {"machine__device": on, "machine__processes": 4,
                                       "data__validation_fraction": 0, "method__kind": "lora"}),
                 own)  # fmt: skip
    assert made.machine.memory_bytes == alone.machine.memory_bytes * (1 if machine.gpus else 2)
    assert "nodes" not in alone.parallel.model_dump()


@pytest.mark.parametrize("kind", ["lora", "qlora"])
@pytest.mark.parametrize(("engine", "offload"), [("ddp", "optimizer"), ("zero2", "all")])
def test_the_hint_of_what_an_engine_cannot_offload_is_taken(
    facts: PlanFacts, kind: str, engine: str, offload: str
) -> None:
    asked = {**_asked((2, (engine, "none"))), "machine__offload": offload, "method__kind": kind}
    with pytest.raises(UsageProblem) as refused:
        plan(answers(**asked), facts)
    fixed = "offload" if kind == "qlora" and offload == "all" else "parallel"
    assert f'[machine] {fixed} = "auto"' in refused.value.hint
    assert plan(answers(**{**asked, f"machine__{fixed}": "auto"}), facts)


@pytest.mark.parametrize(
    ("changes", "error", "said"),
    [
        ({"machine__processes": 8}, DoesNotFit, "this machine has 4 cards"),
        ({"machine__processes": 16, "machine__nodes": 2}, DoesNotFit,
         "2 such machines have 8 cards"),
        ({"machine__processes": 4, "machine__nodes": 3}, UsageProblem,
         "is 4, which is not divisible by `machine.nodes` = 3"),
        ({"machine__processes": 3}, UsageProblem, "not divisible by `machine.processes` = 3"),
        ({"machine__processes": 2, "machine__parallel": "ddp", "machine__offload": "optimizer"},
         UsageProblem, "which `machine.parallel` = `ddp` cannot do"),
        ({"machine__processes": 2, "machine__parallel": "zero2", "machine__offload": "all"},
         UsageProblem, "which `machine.parallel` = `zero2` cannot do"),
        ({"machine__processes": 2, "method__packing": "on"}, UsageProblem,
         "in passes whose size the plan chooses"),
        ({"machine__processes": 2, "train__exact": True}, DoesNotFit, "is not verified"),
        ({"machine__processes": 2, "method__micro_batch": 16}, UsageProblem,
         "does not divide `train.effective_batch` (8 rows per process)"),
    ],
)  # fmt: skip
def test_what_contradicts_is_one_sentence(
    facts: PlanFacts, changes: dict[str, Any], error: type[TunelockError], said: str
) -> None:
    with pytest.raises(error) as refused:
        plan(answers(**ON_CARDS | changes), facts)
    assert said in refused.value.message
    assert refused.value.hint


def test_on_a_cpu_both_count_the_files_that_are_there(facts: PlanFacts) -> None:
    on_cpu = replace(CARDS, kind="cpu", gpus=())
    asked = answers(machine__device="cpu", data__validation_fraction=0, method__kind="lora")
    made = plan(asked, replace(facts, machine=on_cpu))
    wish = Wish(method="lora", length=facts.stream.longest)
    (found,) = fit_answers(FitRequest(find(facts.model.source), on_cpu, wish))
    assert found.plan.estimate.phases[0].components["model files"] == facts.model.stored_bytes
    rows = made.prediction.components["rows"]  # `fit` knows no rows
    assert found.plan.allocated_bytes == made.prediction.peak_bytes - rows > 0
    assert (found.plan.profile.micro_batch, found.plan.accumulation) == (
        made.train.micro_batch, made.train.accumulation
    )  # fmt: skip


SEVERAL_ON_CPU: dict[str, Any] = {
    "machine__processes": 2, "train__exact": False, "method__kind": "lora",
    "data__validation_fraction": 0,
}  # fmt: skip


def test_a_cpu_offloads_nothing(facts: PlanFacts) -> None:
    on_cpu = replace(CARDS, kind="cpu", gpus=())
    asked = answers(machine__device="auto", train__exact=False, machine__offload="all")
    with pytest.raises(UsageProblem, match="which needs a GPU") as refused:
        plan(asked, replace(facts, machine=on_cpu))
    assert "`machine.offload` is `all`" in refused.value.message


@pytest.mark.parametrize("engine", ["auto", "ddp", "zero1", "zero2", "zero3", "fsdp2"])
def test_processes_on_a_cpu_share_the_model_as_asked(facts: PlanFacts, engine: str) -> None:
    on_cpu = replace(CARDS, kind="cpu", gpus=())
    asked = answers(machine__device="cpu", machine__parallel=engine, **SEVERAL_ON_CPU)
    made = plan(asked, replace(facts, machine=on_cpu))
    assert made.parallel.engine == ("ddp" if engine == "auto" else engine)
    assert (made.parallel.processes, made.parallel.offload) == (2, "none")
    assert lock.parse(lock.write(made)).training() == made
    check_engine(made)


def test_the_lock_knows_which_engines_offload() -> None:
    able = {
        offload: tuple(
            engine
            for engine in ("single", "ddp", "zero1", "zero2", "zero3", "fsdp2")
            if (engine, offload) in layouts(2, engine, offload)
        )
        for offload in ("optimizer", "all")
    }
    assert able == OFFLOADING
