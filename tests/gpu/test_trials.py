"""The scripts of trials without a card: their lists, and what they make of lines."""

import subprocess
from collections import Counter
from pathlib import Path
from types import ModuleType

import pytest

from planner.fit import models
from planner.memory import Estimate
from planner.setup.batches import batches
from tests.few import few
from tests.gpu import exhaustive, seed_table, simulated
from tests.gpu.lines import lines, profile_of, ran
from tests.gpu.trials import Trial, shallow
from tests.programs import command

SCRIPTS = {"simulated": simulated, "exhaustive": exhaustive, "seed_table": seed_table}


@pytest.mark.parametrize("script", few(SCRIPTS.values()), ids=SCRIPTS)
def test_every_trial_can_be_run(script: ModuleType) -> None:
    found: tuple[Trial, ...] = script.trials()
    assert len({trial.name for trial in found}) == len(found)
    for trial in found:
        case = trial.case
        assert case.profile.device == "cuda" and case.profile.parallel == "single"
        assert case.profile.accumulates == (case.accumulation > 1)
        assert case.config["model_type"] == trial.model.architecture.family
        assert case.config.get("num_hidden_layers") == trial.model.architecture.layers
        assert trial.seconds > 0
        assert profile_of(trial.line("it failed")) == case.profile


def test_small_cards_of_every_size_have_plans_that_memory_limits() -> None:
    found = simulated.trials()
    chosen = [trial for trial in found if trial.facts["which"] == "chosen"]
    larger = {t.facts["question"]: t for t in found if t.facts["which"] == "next"}
    assert Counter(t.facts["gib"] for t in chosen) == dict.fromkeys((8, 12, 16, 24, 40, 48, 80), 7)
    assert {trial.facts["method"] for trial in chosen} == {"full", "lora", "qlora"}
    assert {512, 1024, 2048, 4096, 8192} == {trial.facts["length"] for trial in chosen}
    assert len({trial.model.architecture.family for trial in chosen}) >= 9
    assert {trial.facts["gib"] for trial in found[:14]} == set(simulated.ASKED)
    assert len(larger) >= 40
    for trial in chosen:
        assert trial.plan.fits and trial.plan.total_bytes <= trial.cap_bytes
        if above := larger.get(trial.facts["question"]):
            assert not above.plan.fits
            assert above.plan.profile.micro_batch > trial.plan.profile.micro_batch


def test_trials_over_the_budget_that_only_the_reserve_forbids_are_told_apart() -> None:
    found = [trial.line("it failed") for trial in simulated.trials()]
    larger = [line for line in found if line["which"] == "next"]
    kept = [line for line in larger if simulated.in_margin(line)]
    assert 0 < len(kept) < len(larger)
    for line in kept:
        assert line["predicted"]["budget_bytes"] < line["predicted"]["allocated_bytes"]


def test_a_step_of_every_micro_batch_takes_the_same_rows() -> None:
    sizes = exhaustive.lengths()
    assert max(sizes) == exhaustive.LENGTH > 2 * sum(sizes) / len(sizes)
    for trial in exhaustive.trials():
        profile = trial.plan.profile
        assert profile.micro_batch * trial.micro_steps == len(sizes) == len(trial.rows)
        assert sum(row.length for row in trial.rows) == trial.facts["tokens"]
        assert profile.masked == (profile.micro_batch > 1 or profile.packing)


def test_the_chosen_plans_are_tried_first_one_a_model() -> None:
    found = exhaustive.trials()
    chosen = [trial.model.name for trial in found if trial.facts["chosen"]]
    assert len(set(chosen)) == len(chosen) == len(exhaustive.MODELS)
    assert all(trial.facts["chosen"] for trial in found[: len(chosen)])


def test_packing_is_tried_with_the_same_rows_in_no_more_tokens() -> None:
    found = {trial.name: trial for trial in exhaustive.trials()}
    packed = {name: trial for name, trial in found.items() if trial.facts["packing"]}
    assert len(packed) > len(found) / 3
    for name, trial in packed.items():
        if padded := found.get(name.removesuffix(", packing")):
            assert trial.rows == padded.rows
            assert _tokens(trial) <= _tokens(padded)


def _tokens(trial: Trial) -> int:
    sizes = [row.length for row in trial.rows]
    return sum(b.tokens for b in batches(sizes, trial.plan.profile, trial.micro_steps))


@pytest.mark.parametrize("size", seed_table.TABLE, ids=lambda size: str(size.name))
def test_the_depth_of_a_plan_follows_from_shallow_ones(size: seed_table.Size) -> None:
    depth = models.find(size.model).architecture.layers
    for method in size.said:
        whole = seed_table.least(size, method)
        few, many = (
            {"layers": layers, "measured": {"peaks": _peaks(shallow(whole, layers))}}
            for layers in seed_table.LAYERS
        )
        found = seed_table.extrapolated(few, many, depth)
        assert found == pytest.approx(whole.plan.allocated_bytes, rel=1e-6)


def _peaks(trial: Trial) -> dict[str, int]:
    found: Estimate = trial.plan.estimate
    return {phase.name: phase.peak_bytes for phase in found.phases}


def test_every_row_of_the_table_is_asked_and_full_fine_tuning_finds_its_cards() -> None:
    asked = list(seed_table.questions())
    assert {question.size.name for question in asked} == {"7-8B", "13B", "34B", "70B"}
    several = [question for question in asked if question.card == "A100 80GB"]
    assert all(q.request.best("full").fits for q in several if q.count > 1)
    said = "\n".join(seed_table.summary([]))
    assert said.count("does not fit") == said.count("measured below") > 0
    assert said.count("not measured") + said.count("measured below") == len(asked)


@pytest.mark.slow
def test_a_line_is_written_for_each_trial_and_none_for_what_is_done(tmp_path: Path) -> None:
    out = tmp_path / "lines.jsonl"

    def run(seconds: str) -> None:
        subprocess.run(
            command("run_one_trial", out, seconds), check=True, cwd=Path(__file__).parents[2]
        )

    run("0")
    assert lines(out) == []
    run("100")
    (line,) = lines(out)
    assert ran(line) and line["which"] == "chosen" and line["layers"] == 1
    assert line["measured"]["allocated_bytes"] > 0
    run("100")
    assert lines(out) == [line]
    assert len(out.read_text("utf-8").splitlines()) == 1
