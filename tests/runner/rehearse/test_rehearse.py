"""From a lock to a rehearsal: the plan it runs, its rows, and how it fails."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from lockfiles.errors import DigestDiffers, DoesNotFit, RunFailed, UsageProblem
from lockfiles.lock import TrainingLock
from planner.data.tokens.example import Encoded, Example
from planner.data.tokens.order import epoch_order
from planner.machines.facts import Gpu, MachineFacts
from planner.memory import estimate
from planner.plan.gather import PlanFacts, gather
from planner.plan.plan import plan
from planner.search.choose import choose
from planner.search.rehearsal import Measured
from runner.inputs.setup import model_of, profile_of
from runner.rehearse import inputs, rehearse
from runner.rehearse.__main__ import case_of as read_case
from runner.rehearse.case import Case
from runner.rehearse.lock import case_of, longest_batch
from runner.rehearse.report import out_of_memory, report
from tests.hub_server import HubServer
from tests.planned import GIB, MACHINE, answers, few_rows

CARD = Gpu("NVIDIA L4", 22 * GIB, 21 * GIB, "8.9")
GPU_MACHINE = MachineFacts("cuda", (CARD,), 8, 64 * GIB, 60 * GIB, 100 * GIB, "570.1")
ON_CARD: dict[str, Any] = {"machine__device": "cuda", "train__exact": False}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo's files, with fewer rows."""
    return few_rows(tmp_path_factory.mktemp("rehearsed"))


@pytest.fixture(scope="module")
def facts(folder: Path) -> PlanFacts:
    return gather(answers(), folder, machine=MACHINE)


@pytest.fixture(scope="module")
def lock(facts: PlanFacts) -> TrainingLock:
    return plan(answers(), facts)


def located(folder: Path) -> dict[str, Path]:
    """Return where the demo's inputs lie."""
    rows = folder / "rows"
    return {"model": folder / "base", "train": rows / "train.jsonl", "test": rows / "test.jsonl"}


@pytest.mark.parametrize("machine", [MACHINE, GPU_MACHINE])
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"method__kind": "lora", "method__bias": "all", "method__rank": 8},
        {"method__kind": "full", "method__checkpointing": "on"},
        {"method__micro_batch": 2, "method__dropout": 0.0},
        {"method__micro_batch": 1, "method__targets": "attention"},
    ],
)
def test_a_lock_holds_the_plan_that_was_counted(
    changes: dict[str, Any], machine: MachineFacts, facts: PlanFacts
) -> None:
    asked = answers(**({} if machine is MACHINE else ON_CARD), **changes)
    facts, stream = replace(facts, machine=machine), facts.stream
    choice = choose(
        asked, facts.model, rows=stream.rows, longest=stream.longest,
        machine=machine, lengths=stream.lengths, tokens=stream.tokens,
    )  # fmt: skip
    made = plan(asked, facts)
    found = profile_of(made, stream.longest, padded=choice.micro_batch > 1)
    assert found == choice.profile
    assert estimate(model_of(made), found).peak.peak_bytes == made.prediction.peak_bytes


def test_the_longest_micro_batch_is_that_with_most_padded_tokens(lock: TrainingLock) -> None:
    lengths = [7 + 13 * row % 31 for row in range(45)]
    size = lock.train.micro_batch
    found = longest_batch(lengths, lock)
    batches = [
        order[first : first + size]
        for order in (epoch_order(45, lock.train.seed, epoch) for epoch in range(lock.train.epochs))
        for first in range(0, 45, size)
    ]
    assert found in batches
    assert max(lengths[row] for row in found) == max(lengths)
    assert len(found) == size, "a short last batch has fewer tokens, however long its rows"


def _sequences(rows: Iterable[Example]) -> Iterator[Encoded]:
    return (one for row in rows for one in row.sequences.values())


def test_a_case_has_the_rows_of_the_lock_or_made_up_ones(lock: TrainingLock, folder: Path) -> None:
    found = inputs.read(lock, folder / "run.lock", located(folder))
    assert (found.missing, found.config["model_type"]) == ((), "llama")
    case = case_of(lock, found.config, found.rows)
    assert len(case.rows) == lock.train.micro_batch
    assert max(row.length for row in case.rows) == case.profile.length
    assert all(len(one.input_ids) == len(one.labels) for one in _sequences(case.rows))
    assert case.evaluate and case.accumulation == min(2, lock.train.accumulation)
    assert found.rows
    held = found.rows.part("validation")
    assert held and 0 < len(case.held_out) <= lock.train.micro_batch
    assert {one.input_ids for one in _sequences(case.held_out)} <= {
        one.input_ids for one in _sequences(held.encoded)
    }
    without = case_of(lock, found.config, None)
    assert without == replace(case, rows=(), held_out=())
    assert read_case(json.loads(json.dumps(asdict(case)))) == case


def test_rows_that_are_not_here_are_named(lock: TrainingLock, folder: Path, tmp_path: Path) -> None:
    alone = {"model": folder / "base"}
    found = inputs.read(lock, tmp_path / "run.lock", alone)
    assert (found.rows, found.missing) == (None, ("train", "test"))
    with pytest.raises(UsageProblem) as refused:
        inputs.read(lock, tmp_path / "run.lock", {})
    assert "--locate model=PATH" in refused.value.hint


def test_weights_are_not_needed_and_another_configuration_is_refused(
    lock: TrainingLock, folder: Path, tmp_path: Path
) -> None:
    small = Path(shutil.copytree(folder / "base", tmp_path / "base"))
    (small / "model.safetensors").unlink()
    places = located(folder) | {"model": small}
    assert inputs.read(lock, tmp_path / "run.lock", places).rows
    config = small / "config.json"
    config.write_text(config.read_text("utf-8") + "\n", "utf-8")
    with pytest.raises(DigestDiffers, match=f"`{config}`"):
        inputs.read(lock, tmp_path / "run.lock", places)


@pytest.fixture
def hub() -> Iterator[HubServer]:
    with HubServer() as hub:
        yield hub


def test_of_a_model_on_the_hub_no_weights_are_fetched(
    hub: HubServer, lock: TrainingLock, folder: Path, tmp_path: Path
) -> None:
    from lockfiles import lock as locks

    commit = hub.add("maker/base", folder / "base")
    online = lock.model.model_copy(
        update={"source": "hf:maker/base", "revision": "main", "commit": commit}
    )
    at = tmp_path / "run.lock"
    at.write_text(locks.write(lock.model_copy(update={"model": online})), "utf-8")
    rows = {name: str(path) for name, path in located(folder).items() if name != "model"}
    found = hub.run("read_for_rehearsal", str(at), rows, home=tmp_path / "home")
    assert found == {"rows": lock.stream.rows, "missing": [], "type": "llama"}
    assert hub.sent_bytes["config.json"] and not hub.sent_bytes["model.safetensors"]


@pytest.mark.parametrize(
    ("changes", "phase", "line"),
    [
        ({"method__packing": "off"}, "forward", "[method] micro_batch = 8"),
        ({"method__micro_batch": 1}, "backward", '[method] checkpointing = "on"'),
        ({"method__kind": "full"}, "load", '[method] kind = "qlora"'),
        (
            {"method__kind": "qlora", "method__micro_batch": 1, "method__checkpointing": "on"},
            "evaluation",
            "[train] max_length = 33",
        ),
        ({"method__kind": "qlora"}, "load", "[model] source = … (a smaller model)"),
    ],
)
def test_a_card_that_ran_out_is_an_error_with_what_to_write(
    changes: dict[str, Any], phase: str, line: str, facts: PlanFacts
) -> None:
    made = plan(answers(**ON_CARD, **changes), replace(facts, machine=GPU_MACHINE))
    measured = Measured({"load": GIB}, GIB, 2 * GIB, (), 1.0, 1.0, out_of_memory=phase)
    case = case_of(made, {}, None)
    found = report(made, case, measured, GPU_MACHINE).found
    problem = out_of_memory(made, found)
    assert (problem.exit_code, found.fitted) == (4, False)
    assert f"`NVIDIA L4` ran out of memory in the phase `{phase}`" in problem.message
    assert problem.hint.startswith(
        f"in run.toml: {line}, then plan again: `tunelock plan run.toml`"
    )


def test_passes_that_ran_out_are_planned_again_for_less_memory(facts: PlanFacts) -> None:
    on_card = replace(facts, machine=GPU_MACHINE)
    made = plan(answers(**ON_CARD), on_card)
    measured = Measured({"forward": GIB}, GIB, 2 * GIB, (), 1.0, 1.0, out_of_memory="backward")
    found = report(made, case_of(made, {}, None), measured, GPU_MACHINE).found
    hint = out_of_memory(made, found).hint
    assert hint.startswith("let the plan choose: `tunelock plan run.toml --facts rehearsal.json`")
    assert "micro_batch" not in hint and "checkpointing" in hint
    again = plan(answers(**ON_CARD), replace(on_card, rehearsal=found))
    assert again.prediction.peak_bytes <= 0.9 * made.prediction.peak_bytes


def test_a_report_compares_like_with_like(facts: PlanFacts) -> None:
    made = plan(answers(**ON_CARD), replace(facts, machine=GPU_MACHINE))
    peak = made.prediction.peak_bytes
    measured = Measured({"forward": peak, "load": 5}, peak, 2 * peak, (9.0, 1.0, 1.2), 1.0, 1.0)
    case = case_of(made, {}, None)
    found = report(made, case, measured, GPU_MACHINE)
    assert found.error == 0
    assert max(found.phases.values()) == peak < found.process_bytes
    assert found.step_seconds > 0
    assert found.found.measured.warm_step_seconds == 1.1
    assert found.found.case.rows == "made-up"
    assert found.found.train_sha256 == made.integrity["train"]


def test_the_api_needs_no_torch() -> None:
    code = (
        "import sys, runner.rehearse.report, runner.rehearse.inputs; print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "False\n", done.stderr


class TestRun:
    """With the training stack."""

    @pytest.fixture(autouse=True)
    def stack(self) -> None:
        for package in ("trl", "peft"):
            pytest.importorskip(package)

    @pytest.mark.slow
    def test_what_cannot_be_run_is_one_sentence(self, lock: TrainingLock) -> None:
        case = Case("none", {"model_type": "none", "vocab_size": 9}, profile_of(lock, 8, True))
        with pytest.raises(RunFailed, match=r"^The rehearsal failed unexpectedly\.$") as failed:
            rehearse(lock, case)
        log = Path(failed.value.hint.rpartition(" ")[2])
        assert "Traceback" in log.read_text("utf-8") and "none" in log.read_text("utf-8")
        log.unlink()

    def test_a_process_that_the_system_ends_is_out_of_memory(
        self, lock: TrainingLock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def children() -> set[str]:
            path = Path(f"/proc/self/task/{threading.get_native_id()}/children")
            return set(path.read_text("ascii").split())

        before = children()

        def end(_: float) -> None:
            for child in children() - before:
                os.kill(int(child), signal.SIGKILL)

        monkeypatch.setattr("runner.rehearse.child.HEARD_SECONDS", 0.2)
        case = Case("any", {"model_type": "llama"}, profile_of(lock, 8, True))
        with pytest.raises(DoesNotFit, match="ended by SIGKILL"):
            rehearse(lock, case, end)
