"""`tunelock rehearse` as a person types it, and `tunelock plan --facts` with what it wrote."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

from lockfiles import lock
from lockfiles.errors import DoesNotFit
from planner.machines.facts import Gpu, Holder, MachineFacts
from planner.machines.probes import probe as probing
from planner.plan.gather import gather
from planner.plan.plan import plan
from planner.search.rehearsal import PHASES, Measured, load
from runner.rehearse.lock import case_of
from runner.rehearse.report import Report, report
from runner.supervisor import preflight
from tests.journeys.demo_folder import small, tunelock
from tests.planned import GIB, answers
from tui.commands.rehearse import _machine
from tui.text import rehearsal

for package in ("trl", "peft"):
    pytest.importorskip(package)

CARD = Gpu("NVIDIA L4", 22 * GIB, 21 * GIB, "8.9")
GPU_MACHINE = MachineFacts("cuda", (CARD,), 8, 64 * GIB, 60 * GIB, 100 * GIB, "570.1")
ON_CARD: dict[str, Any] = {"machine__device": "cuda", "train__exact": False}


@pytest.fixture(scope="module")
def planned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo with a lock."""
    made = small(tmp_path_factory.mktemp("planned") / "demo")
    done = tunelock(made, "plan")
    assert done.returncode == 0, done.stderr
    return made


@pytest.fixture(scope="module")
def ran(
    planned: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, CompletedProcess[str]]:
    """The demo after a rehearsal, and what that said."""
    made = Path(shutil.copytree(planned, tmp_path_factory.mktemp("ran") / "demo"))
    return made, tunelock(made, "rehearse", "run.lock", "--memory")


@pytest.fixture
def folder(ran: tuple[Path, CompletedProcess[str]], tmp_path: Path) -> Path:
    """A copy of what was rehearsed, to change."""
    return Path(shutil.copytree(ran[0], tmp_path / "copy"))


def on_card(folder: Path) -> lock.TrainingLock:
    """Return the demo's lock for a card."""
    asked = answers(**ON_CARD)
    return plan(asked, gather(asked, folder, machine=GPU_MACHINE))


def test_a_rehearsal_is_a_table_a_verdict_and_a_file(
    ran: tuple[Path, CompletedProcess[str]], planned: Path
) -> None:
    folder, done = ran
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == (
        "LoRA rank 16, 4 steps of 16 rows of up to 66 tokens on this machine, random weights"
    )
    assert lines[2].split() == ["predicted", "measured", "measured", "is"]
    assert [line.split()[0] for line in lines[3:5]] == ["peak", "step"]
    assert lines[6].startswith("Fits on this machine: ")
    assert done.stderr.splitlines()[-1] == "wrote rehearsal.json"
    assert "running 4 steps" in done.stderr
    assert (folder / "run.lock").read_bytes() == (planned / "run.lock").read_bytes()
    written = {path.name for path in folder.iterdir()} - {path.name for path in planned.iterdir()}
    assert written == {"rehearsal.json"}
    found = load(folder / "rehearsal.json")
    assert found.train_sha256 == lock.read(folder / "run.lock").integrity["train"]
    assert (found.case.rows, found.machine.kind) == ("data", "cpu")
    measured = found.measured
    assert list(measured.peaks)[:5] == list(PHASES)
    assert len(measured.step_seconds) == found.case.steps == 4
    assert measured.warm_step_seconds > 0
    assert not (measured.out_of_memory or measured.process_bytes or measured.card)
    predicted = lock.read(folder / "run.lock").training().prediction.peak_bytes
    assert measured.allocated_bytes == pytest.approx(predicted, rel=0.25)


@pytest.mark.slow
def test_json_is_what_was_written_and_what_was_predicted(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "elsewhere.json"
    (folder / "run.toml").unlink()
    before = {path: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    done = tunelock(folder, "rehearse", "--locate", "model=base", "--out", str(out), "--json")
    assert done.returncode == 0, done.stderr
    assert "to use the real ones: --locate train=PATH --locate test=PATH" in done.stderr
    told = json.loads(done.stdout)
    predicted = told.pop("predicted")
    assert told.pop("fits") is True
    assert told.pop("difference") == pytest.approx(
        max(told["measured"]["peaks"].values()) / predicted["peak_bytes"] - 1
    )
    assert told == json.loads(out.read_text("utf-8"))
    assert told["case"]["rows"] == "made-up"
    assert {path: path.read_bytes() for path in folder.iterdir() if path.is_file()} == before


def test_a_plan_takes_what_was_measured(folder: Path) -> None:
    before = lock.read(folder / "run.lock").training()
    done = tunelock(folder, "plan", "--facts", "rehearsal.json")
    assert done.returncode == 0, done.stderr
    made, found = lock.read(folder / "run.lock").training(), load(folder / "rehearsal.json")
    assert made.prediction.estimator == "rehearsal"
    rows = made.prediction.components["rows"]
    assert made.prediction.peak_bytes == found.measured.allocated_bytes + rows
    assert 0 < made.prediction.step_seconds <= found.measured.warm_step_seconds
    assert made.integrity["train"] == before.integrity["train"]

    alone = tunelock(folder, "plan", "--check")
    assert alone.returncode == 2
    assert alone.stderr.splitlines()[-1] == (
        "hint: tunelock plan run.toml --check --facts rehearsal.json"
    )
    same = tunelock(folder, "plan", "--check", "--facts", "rehearsal.json")
    assert (same.returncode, same.stdout) == (0, ""), same.stderr


@pytest.mark.slow
def test_both_processes_of_a_lock_are_rehearsed_and_planned_with(tmp_path: Path) -> None:
    several: dict[str, Any] = {"machine__processes": 2, "train__exact": False}
    folder = small(tmp_path, **several)
    assert tunelock(folder, "plan").returncode == 0
    tuned = tunelock(folder, "rehearse", "--tune")
    assert tuned.returncode == 2 and "trains in 2 processes with `ddp`" in tuned.stderr
    done = tunelock(folder, "rehearse")
    assert done.returncode == 0, done.stderr
    assert "in 2 processes by DDP" in done.stderr
    heads = [line.split()[0] for line in done.stdout.splitlines() if line.strip()]
    assert [one for one in heads if one in ("0", "1", "all-reduce")] == [
        "0", "1", *["all-reduce"] * 3
    ]  # fmt: skip
    found = load(folder / "rehearsal.json")
    assert [one.rank for one in found.measured.processes] == [0, 1]
    planned = tunelock(folder, "plan", "--facts", "rehearsal.json")
    assert planned.returncode == 0, planned.stderr
    made = lock.read(folder / "run.lock").training()
    assert made.prediction.estimator == "rehearsal"
    assert made.machine.card_bytes_per_second == 0, "rates of a processor are not planned with"


def test_a_plan_that_was_not_rehearsed_says_so(folder: Path) -> None:
    small(folder, method__rank=8)
    done = tunelock(folder, "plan", "--facts", "rehearsal.json")
    assert done.returncode == 0
    assert "this plan differs from the rehearsed one" in done.stderr
    assert lock.read(folder / "run.lock").training().prediction.estimator != "rehearsal"


def test_a_lock_for_a_card_is_refused_as_run_refuses_it(folder: Path) -> None:
    if probing.probe(Path("/")).gpus:
        pytest.skip("needs a machine without a GPU")
    (folder / "run.lock").write_text(lock.write(on_card(folder)), "utf-8")
    (folder / "run.toml").unlink()
    where = [f"--locate={name}={folder / place}" for name, place in (
        ("model", "base"), ("train", "rows/train.jsonl"), ("test", "rows/test.jsonl"),
    )]  # fmt: skip
    said = [tunelock(folder, verb, *where) for verb in ("rehearse", "run")]
    assert [done.returncode for done in said] == [4, 4]
    assert said[0].stderr == said[1].stderr
    assert "planned for `NVIDIA L4`, but this machine has no GPU" in said[0].stderr


def test_a_lock_that_is_edited_or_missing_and_a_place_that_is_none(folder: Path) -> None:
    missing = tunelock(folder, "rehearse", "none.lock")
    assert (missing.returncode, missing.stdout) == (2, "")
    assert missing.stderr == "error: `none.lock` does not exist.\nhint: ls .\n"
    unwritable = tunelock(folder, "rehearse", "--out", "none/rehearsal.json")
    assert unwritable.returncode == 2
    assert unwritable.stderr.startswith("error: `")
    path = folder / "run.lock"
    text = path.read_text("utf-8")
    path.write_text(text.replace("weight_decay = 0.0", "weight_decay = 0.1"), "utf-8")
    edited = tunelock(folder, "rehearse")
    assert edited.returncode == 5
    assert "was edited after it was planned" in edited.stderr


def told(found: Report) -> str:
    return "\n".join(rehearsal.page(found))


def test_on_a_card_every_phase_is_told(folder: Path) -> None:
    made = on_card(folder)
    peaks = {"load": GIB // 4, "forward": GIB, "backward": 2 * GIB, "optimizer": GIB}
    measured = Measured(peaks, 3 * GIB, 4 * GIB, (9.0, 1.5, 1.7), 1.0, 1.0)
    case = replace(case_of(made, {}, None), evaluate=False)
    page = told(report(made, case, measured, GPU_MACHINE))
    rows = {line.split("  ")[0]: line.split() for line in page.splitlines() if "  " in line}
    assert set(rows) >= {*peaks, "peak", "reserved", "process", "step"}
    assert rows["backward"][3:5] == ["2.00", "GiB"]
    assert rows["reserved"][1:] == ["-", "3.00", "GiB", "-"]
    assert rows["step"][3:5] == ["1.6", "s"]
    assert "Fits on `NVIDIA L4`: needs 4.00 GiB of 22.0 GiB." in page
    assert "To plan with the measured one: `tunelock plan --facts rehearsal.json`." in page

    assert "The lock was planned for" not in page
    elsewhere = replace(GPU_MACHINE, gpus=(replace(CARD, name="NVIDIA H200"),))
    page = told(report(made, case, measured, elsewhere))
    assert "The lock was planned for `NVIDIA L4` with 21.0 GiB, which is enough" in page

    small_card = replace(measured, out_of_memory="backward")
    page = told(report(made, case, small_card, GPU_MACHINE))
    assert page.endswith("Does not fit on `NVIDIA L4`: out of memory in `backward`.")


def test_a_busy_card_is_named(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    made = on_card(folder)
    holder = (Holder(77, "python", 5 * GIB),)

    def here(free_bytes: int) -> None:
        card = replace(CARD, free_bytes=free_bytes, holders=holder)
        for module in (probing, preflight):
            monkeypatch.setattr(module, "probe", lambda _: replace(GPU_MACHINE, gpus=(card,)))

    here(17 * GIB)
    assert _machine(made).gpus[0].free_bytes == 17 * GIB
    assert "is busy: 5.0 of 22.0 GiB are in use by process 77 (python)" in capsys.readouterr().err
    here(GIB // 2)
    with pytest.raises(DoesNotFit, match=r"in use by process 77 \(python\)"):
        _machine(made)
