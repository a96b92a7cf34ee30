"""A plan with what a rehearsal measured, and rehearsals that are of something else."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lockfiles.errors import UsageProblem
from lockfiles.lock import TrainingLock
from planner.interview.answers import Answers
from planner.machines.facts import Gpu, MachineFacts
from planner.plan.gather import PlanFacts, gather
from planner.plan.plan import plan
from planner.plan.prediction import UNEXPLAINED
from planner.search.budget import CUDA_CONTEXT_BYTES, CUDA_RESERVE, budget
from planner.search.choose import Choice, choose
from planner.search.from_answers import counted
from planner.search.rehearsal import Measured, Place, Rehearsal, Rehearsed, load
from tests.planned import GIB, MACHINE, answers, few_rows

CARD = Gpu("NVIDIA L4", 22 * GIB, 21 * GIB, "8.9")
GPU_MACHINE = MachineFacts("cuda", (CARD,), 8, 64 * GIB, 60 * GIB, 100 * GIB, "570.1")
ON_CARD: dict[str, Any] = {"machine__device": "cuda", "train__exact": False}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo's files, with fewer rows."""
    return few_rows(tmp_path_factory.mktemp("rehearsed"))


@pytest.fixture(scope="module")
def on_card(folder: Path) -> PlanFacts:
    return gather(answers(**ON_CARD), folder, machine=GPU_MACHINE)


@pytest.fixture(scope="module")
def on_cpu(folder: Path) -> PlanFacts:
    return gather(answers(), folder, machine=MACHINE)


def chosen(asked: Answers, facts: PlanFacts) -> Choice:
    """Return what a plan chooses without a rehearsal."""
    stream = facts.stream
    return choose(
        asked, facts.model, rows=stream.rows, longest=stream.longest,
        machine=facts.machine, lengths=stream.lengths, rehearsal=facts.rehearsal,
    )  # fmt: skip


def rehearsal(choice: Choice, facts: PlanFacts, **measured: Any) -> Rehearsal:
    """Return what a rehearsal of a choice might have measured."""
    card = facts.machine.gpus[0] if choice.profile.device == "cuda" else None
    plan = choice.profile
    accumulation = choice.accumulation if plan.packing else min(2, choice.accumulation)
    rows = plan.micro_batch * (accumulation if plan.packing else 1)
    found: dict[str, Any] = {
        "peaks": {"load": GIB, "forward": 2 * GIB, "backward": 3 * GIB, "optimizer": GIB},
        "reserved_bytes": int(3.3 * GIB) if card else 0,
        "process_bytes": int(3.7 * GIB) if card else 0,
        "step_seconds": (9.0, 2.0, 2.5, 2.1),
        "load_seconds": 1.0,
        "seconds": 20.0,
    }
    return Rehearsal(
        version=1,
        train_sha256="0" * 64,
        model=facts.model.architecture.facts(),
        parameters=facts.model.parameters,
        machine=Place(
            kind="cuda" if card else "cpu",
            card=card.name if card else "",
            memory_bytes=card.memory_bytes if card else facts.machine.ram_bytes,
            driver=facts.machine.driver,
            processor=facts.machine.processor,
        ),
        packages={"torch": "2.13.0"},
        case=Rehearsed(
            profile=plan,
            accumulation=accumulation,
            rows="data",
            lengths=(plan.length, *[8] * (rows - 1)),
            steps=4,
            evaluates=False,
        ),
        measured=Measured(**found | measured),
    )


def with_rehearsal(
    asked: Answers, facts: PlanFacts, **measured: Any
) -> tuple[TrainingLock, TrainingLock]:
    """Return the plan without and with a rehearsal of it."""
    found = rehearsal(chosen(asked, facts), facts, **measured)
    return plan(asked, facts), plan(asked, replace(facts, rehearsal=found))


def test_what_compiling_takes_is_part_of_the_time(on_card: PlanFacts) -> None:
    ways = {"method__cuda_graphs": "off"}
    plain = plan(answers(**ON_CARD, **ways, method__compile="off"), on_card)
    compiled = plan(answers(**ON_CARD, **ways, method__compile="on"), on_card)
    more = compiled.prediction.seconds - plain.prediction.seconds
    assert more > 20 > 10 * plain.prediction.seconds
    assert "s before the first step." in compiled.why["prediction.seconds"]
    assert "before the first step" not in plain.why["prediction.seconds"]


def test_what_was_measured_is_what_is_predicted(on_card: PlanFacts) -> None:
    before, after = with_rehearsal(answers(**ON_CARD, method__cuda_graphs="off"), on_card)
    told = after.prediction
    assert (told.estimator, told.phase, told.peak_bytes) == ("rehearsal", "backward", 3 * GIB)
    assert sum(told.components.values()) == told.peak_bytes
    assert told.components[UNEXPLAINED] > 0
    assert after.why["prediction.peak_bytes"] == "Measured by a rehearsal on `NVIDIA L4`."
    assert (after.method, after.train) == (before.method, before.train)
    longer = told.step_seconds / before.prediction.step_seconds
    assert told.seconds / before.prediction.seconds == pytest.approx(longer, rel=1e-3)
    assert told.step_seconds <= 2.1, "the longest step was measured"


def test_a_rehearsal_from_before_the_fused_name_is_of_its_plan(on_card: PlanFacts) -> None:
    choice = chosen(answers(**ON_CARD), on_card)
    assert choice.profile.optimizer == "adamw_torch_fused"
    before = replace(choice.profile, optimizer="adamw_torch")
    found = rehearsal(replace(choice, profile=before), on_card)
    assert found.is_of(choice.profile)
    assert not found.is_of(replace(choice.profile, optimizer="adamw_8bit", fused=False))


def test_a_rehearsal_of_recorded_passes_is_of_any_number_of_sizes(on_card: PlanFacts) -> None:
    """A lock may have fewer sizes than its plan allows."""
    choice = chosen(answers(**ON_CARD), on_card)
    plain, few, many = (replace(choice.profile, graph_sizes=count) for count in (0, 3, 16))
    found = rehearsal(replace(choice, profile=few), on_card)
    assert found.is_of(few)
    assert found.is_of(many)
    assert not found.is_of(plain)
    assert not rehearsal(replace(choice, profile=plain), on_card).is_of(many)


def test_on_cpu_the_tokens_say_how_long_it_takes(folder: Path) -> None:
    asked = answers(data__validation_fraction=0)
    facts = gather(asked, folder, machine=MACHINE)
    before, after = with_rehearsal(asked, facts)
    assert before.prediction.seconds == 0
    choice, told = chosen(asked, facts), after.prediction
    steps = -(-facts.stream.rows // choice.micro_batch) * after.train.epochs
    mean, longest = told.step_seconds / 2.1 * choice.profile.tokens, choice.profile.tokens
    assert facts.stream.tokens * after.train.epochs / steps < mean < longest
    assert told.seconds == pytest.approx(steps * told.step_seconds, rel=1e-3)


def test_evaluations_take_their_time_too(on_cpu: PlanFacts) -> None:
    _, after = with_rehearsal(answers(), on_cpu)
    steps = -(-after.stream.rows // after.train.micro_batch) * after.train.epochs
    assert after.prediction.seconds > 1.02 * steps * after.prediction.step_seconds


def test_another_plan_is_estimated(on_card: PlanFacts) -> None:
    asked = answers(**ON_CARD)
    found = rehearsal(chosen(asked, on_card), on_card)
    other = answers(**ON_CARD, method__rank=8)
    made = plan(other, replace(on_card, rehearsal=found))
    assert made.prediction == plan(other, on_card).prediction


def test_a_plan_that_ran_out_is_not_chosen_again_nor_a_larger_one(on_card: PlanFacts) -> None:
    asked = answers(**ON_CARD)
    before, after = with_rehearsal(asked, on_card, out_of_memory="backward")
    assert after.train.pass_tokens < before.train.pass_tokens or after.train.checkpointing
    assert after.prediction.estimator == before.prediction.estimator != "rehearsal"
    assert after.prediction.peak_bytes < before.prediction.peak_bytes
    assert (
        f"with passes of {before.train.pass_tokens:,} tokens ran out"
        in after.why["prediction.peak_bytes"]
    )


def test_what_fitted_fits_and_what_no_longer_has_room_does_not(on_card: PlanFacts) -> None:
    asked = answers(**ON_CARD)
    tight = {"peaks": {"backward": 20 * GIB}, "reserved_bytes": 20 * GIB}
    before, after = with_rehearsal(asked, on_card, **tight, process_bytes=21 * GIB)
    assert after.train.micro_batch == before.train.micro_batch
    assert after.prediction.peak_bytes == 20 * GIB
    _, less = with_rehearsal(asked, on_card, **tight, process_bytes=21 * GIB + 1)
    assert less.prediction.estimator != "rehearsal"


def test_the_budget_knows_the_context_and_a_greater_reserve(on_card: PlanFacts) -> None:
    asked = answers(**ON_CARD)
    machine = counted(asked, GPU_MACHINE)
    found = rehearsal(chosen(asked, on_card), on_card)
    context, reserve = found.measured.context_bytes, found.measured.reserve
    assert context == pytest.approx(0.4 * GIB, abs=1)
    assert reserve == pytest.approx(0.1)
    assert budget(machine, found) == int((21 * GIB - context) / (1 + reserve))
    least = rehearsal(chosen(asked, on_card), on_card, reserved_bytes=3 * GIB)
    assert least.measured.reserve == 0
    assert budget(machine, least) == int(
        (21 * GIB - least.measured.context_bytes) / (1 + CUDA_RESERVE)
    )
    ran_out = rehearsal(chosen(asked, on_card), on_card, out_of_memory="forward")
    assert budget(machine, ran_out) == int((21 * GIB - CUDA_CONTEXT_BYTES) / (1 + CUDA_RESERVE))


def test_another_model_or_device_is_refused(on_card: PlanFacts, on_cpu: PlanFacts) -> None:
    asked = answers(**ON_CARD)
    found = rehearsal(chosen(asked, on_card), on_card)
    deeper = found.model_copy(update={"model": found.model | {"layers": 7}})
    with pytest.raises(UsageProblem, match="of a different model, not"):
        plan(asked, replace(on_card, rehearsal=deeper))
    with pytest.raises(UsageProblem, match="ran on `NVIDIA L4`, but the plan is for `a processor`"):
        plan(answers(), replace(on_cpu, rehearsal=found))
    card = replace(GPU_MACHINE, gpus=(replace(CARD, name="NVIDIA A10"),))
    with pytest.raises(UsageProblem, match="but the plan is for `NVIDIA A10`"):
        plan(asked, replace(on_card, machine=card, rehearsal=found))
    here = rehearsal(
        chosen(answers(), on_cpu), replace(on_cpu, machine=replace(MACHINE, processor="A"))
    )
    there = replace(on_cpu, machine=replace(MACHINE, processor="B"), rehearsal=here)
    with pytest.raises(UsageProblem, match="ran on `A`, but the plan is for `B`"):
        plan(answers(), there)


def test_it_is_read_as_it_was_written(on_card: PlanFacts, tmp_path: Path) -> None:
    found = rehearsal(chosen(answers(**ON_CARD), on_card), on_card)
    path = tmp_path / "rehearsal.json"
    path.write_text(found.model_dump_json(), "utf-8")
    assert load(path) == found


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "it must be JSON"),
        ("[]", "it must be a table"),
        ('{"version": 3}', "`version` is wrong: it must be 1"),
        ("{}", "`version` is missing"),
    ],
)
def test_what_is_no_rehearsal_is_a_sentence(text: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "rehearsal.json"
    path.write_text(text, "utf-8")
    with pytest.raises(UsageProblem, match=f"^`{path}` is not a valid reh.*: .*{said}") as refused:
        load(path)
    assert refused.value.hint == "tunelock rehearse run.lock"


@pytest.mark.parametrize(
    ("table", "lie", "said"),
    [
        ("measured", {"peaks": {}}, "is empty"),
        ("measured", {"peaks": {"lunch": 1}}, "or has an unknown phase"),
        ("measured", {"peaks": {"forward": -5}}, "a size that is out of range"),
        ("measured", {"peaks": {"forward": 10**30}}, "a size that is out of range"),
        ("measured", {"step_seconds": []}, "too few times"),
        ("measured", {"step_seconds": [1.0, -1.0]}, "or one out of range"),
        ("case", {"lengths": [0]}, "does not fit the micro-batch"),
        ("case", {"lengths": [5] * 1000}, "does not fit the micro-batch"),
    ],
)
def test_what_lies_about_itself_is_a_sentence(
    table: str, lie: dict[str, Any], said: str, on_card: PlanFacts, tmp_path: Path
) -> None:
    found = rehearsal(chosen(answers(**ON_CARD), on_card), on_card).model_dump(mode="json")
    path = tmp_path / "rehearsal.json"
    path.write_text(json.dumps(found | {table: found[table] | lie}), "utf-8")
    with pytest.raises(UsageProblem, match=f"is not a valid rehearsal: .*{said}"):
        load(path)


@pytest.mark.parametrize(
    ("changes", "valid"),
    [({"pass_tokens": 1}, False), ({"packing": False}, False), ({"pass_tokens": 10**5}, True),
     ({"accumulates": True}, True), ({"graph_sizes": -1}, False), ({"graph_sizes": 65}, False)],
)  # fmt: skip
def test_a_rehearsal_of_passes_that_no_step_has_is_not_taken(
    on_card: PlanFacts, tmp_path: Path, changes: dict[str, object], valid: bool
) -> None:
    asked = answers(**ON_CARD)
    plain = plan(asked, on_card)
    forged = rehearsal(chosen(asked, on_card), on_card).model_dump(mode="json")
    forged["case"]["profile"] |= changes
    (tmp_path / "rehearsal.json").write_text(json.dumps(forged))
    if not valid:
        with pytest.raises(UsageProblem, match="out of bounds"):
            load(tmp_path / "rehearsal.json")
        return
    found = plan(asked, replace(on_card, rehearsal=load(tmp_path / "rehearsal.json")))
    assert found.train == plain.train and found.prediction == plain.prediction
