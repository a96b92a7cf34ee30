"""`tunelock run` on real processes: run twice, killed, stopped, orphaned, and gone on with."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lockfiles import receipt
from runner.runs.events import read
from runner.runs.holders import holder
from tests.docs_made.events import FIELDS
from tests.hub_server import HubServer
from tests.journeys.demo_folder import ADAPTER_ONLY, small, tunelock
from tests.journeys.test_hub import hub as hub
from tests.journeys.test_hub import received, tunelock_on
from tests.trust.hostile_models import plant
from tests.tui.terminal.test_pipes import unread

for package in ("trl", "gguf"):
    pytest.importorskip(package)

Start = Callable[[Path, str], "subprocess.Popen[str]"]
ROWS = 7
"""One in so many rows is trained on, which are 14 steps in two epochs."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cut-down demo, planned."""
    return planned(tmp_path_factory.mktemp("run"))


@pytest.fixture(scope="module")
def adapter_only(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same, planned to train and do nothing else."""
    return planned(tmp_path_factory.mktemp("adapter"), **ADAPTER_ONLY)


def planned(folder: Path, **changes: object) -> Path:
    """Write the demo with a few rows in a folder, plan it, and return the folder."""
    done = tunelock(small(folder, ROWS, **changes), "plan")
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def whole(folder: Path) -> receipt.Receipt:
    """The receipt of a run that nothing disturbed."""
    done = tunelock(folder, "run", "run.lock", "--foreground", "--runs", "whole")
    assert done.returncode == 0, done.stderr[-3000:]
    return receipt.read(run_at(folder / "whole") / "receipt.json")


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts the run of a folder in the foreground; nobody reads its output any more."""
    started: list[subprocess.Popen[str]] = []

    def begin(folder: Path, runs: str) -> subprocess.Popen[str]:
        started.append(unread(folder, "run", "--foreground", "--json", "--runs", runs))
        return started[-1]

    yield begin
    for process in started:
        process.kill()
        process.communicate()


def run_at(runs: Path) -> Path:
    """Return the one run folder in `runs`."""
    (found,) = runs.iterdir()
    return found


def until(happened: Callable[[], bool], seconds: float = 120) -> None:
    """Wait for something to happen."""
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.05)


def checkpoints(runs: Path) -> int:
    """Return how many checkpoints a run has told of."""
    found = [folder for folder in runs.glob("*") if (folder / "events.jsonl").exists()]
    return sum(e.kind == "checkpoint" for f in found for e in read(f / "events.jsonl")[0])


def steps_of(runs: Path) -> list[int]:
    """Return the numbers of the steps that a run has told of."""
    told = read(run_at(runs) / "events.jsonl")[0]
    return [e.fields["step"] for e in told if e.kind == "step"]


def stage_process(run: Path) -> int:
    """Return the process id of the stage that works in a run folder, which may have been started
    ahead of its turn."""
    for place in Path("/proc").glob("[0-9]*"):
        try:
            words = (place / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if {b"runner.stages", b"runner.stages.ahead"} & {*words} and any(
            str(run).encode() in word for word in words
        ):
            return int(place.name)
    raise AssertionError("no stage runs")


def resident_peak_bytes(process: int) -> int:
    """Return the most memory that a process ever held."""
    status = Path(f"/proc/{process}/status").read_text("ascii")
    (line,) = (line for line in status.splitlines() if line.startswith("VmHWM:"))
    found = int(line.split()[1]) * 1024
    print(f"resident peak of the supervisor: {found / 1e6:.0f} MB")
    return found


@pytest.mark.slow
def test_the_same_lock_twice_leaves_the_same_tensors_whatever_lies_beside_its_model(
    folder: Path, whole: receipt.Receipt
) -> None:
    (folder / "secret").write_text("private")
    plant(folder / "base", folder / "secret")
    done = tunelock(folder, "run", "run.lock", "--foreground", "--runs", "again")
    assert done.returncode == 0, done.stderr[-3000:]
    again = receipt.read(run_at(folder / "again") / "receipt.json")
    assert again.digests == whole.digests
    assert again.digests.adapter and again.digests.merged and again.digests.gguf["q8_0"]
    assert again.evaluation == whole.evaluation
    for stage, model in (("02-train", "result"), ("04-merge", "model")):
        first, second = (
            sorted(
                path.name for path in (run_at(folder / runs) / "stages" / stage / model).iterdir()
            )
            for runs in ("whole", "again")
        )
        assert first == second and "tokenizer.model" not in second


def test_a_run_sends_no_event_that_the_documentation_does_not_describe(
    folder: Path, whole: receipt.Receipt
) -> None:
    events = read(run_at(folder / "whole") / "events.jsonl")[0]
    assert {"step", "evaluation", "checkpoint", "artifact", "done"} <= {e.kind for e in events}
    for event in events:
        assert set(event.fields) <= set(FIELDS[event.kind]), event


def test_a_finished_lock_is_not_done_again(folder: Path, whole: receipt.Receipt) -> None:
    events = run_at(folder / "whole") / "events.jsonl"
    before = len(read(events)[0])
    begun = time.monotonic()
    done = tunelock(folder, "run", "run.lock", "--foreground", "--runs", "whole")
    assert done.returncode == 0, done.stderr
    assert time.monotonic() - begun < 10
    assert [e.stage for e in read(events)[0][before:]] == ["run", "run"]


def test_a_finished_lock_compares_the_inputs_that_are_left(
    folder: Path, whole: receipt.Receipt
) -> None:
    rows, aside = folder / "rows" / "train.jsonl", folder / "aside.jsonl"
    again = ("run", "run.lock", "--foreground", "--runs", "whole", "--allow", "maker/none")
    content = rows.read_text("utf-8")
    try:
        rows.rename(aside)
        done = tunelock(folder, *again)
        assert done.returncode == 0
        assert "warning: the input `train` is missing" in done.stderr
        assert "warning: `--allow maker/none` has no effect: the lock pushes nothing" in done.stderr
        for changed in (content.replace("a", "b", 1), content + '{"messages', ""):
            rows.write_text(changed, "utf-8")
            done = tunelock(folder, *again)
            assert done.returncode == 5, done.stderr
            assert "The lock does not match" in done.stderr
            assert "hint: restore the locked files" in done.stderr
    finally:
        aside.replace(rows)


@pytest.mark.slow
def test_a_killed_supervisor_leaves_an_orphan_that_is_waited_for(
    folder: Path, whole: receipt.Receipt, start: Start
) -> None:
    runs = folder / "orphan"
    process = start(folder, "orphan")
    until(lambda: checkpoints(runs) >= 1)
    process.kill()
    process.wait()

    done = tunelock(folder, "run", "run.lock", "--foreground", "--runs", "orphan")
    assert done.returncode == 0, done.stderr[-3000:]
    assert receipt.read(run_at(runs) / "receipt.json").digests == whole.digests


def test_a_stopped_and_then_killed_training_goes_on_to_the_same_tensors(
    adapter_only: Path, whole: receipt.Receipt, start: Start
) -> None:
    folder, runs = adapter_only, adapter_only / "stopped"
    process = start(folder, "stopped")
    until(lambda: checkpoints(runs) >= 1)
    second = tunelock(folder, "run", "run.lock", "--foreground", "--runs", "stopped")
    assert second.returncode == 2
    assert "is in use by another run" in second.stderr
    assert holder(run_at(runs)) == process.pid
    assert resident_peak_bytes(process.pid) < 150e6
    stopped = tunelock(folder, "stop", str(run_at(runs)))
    assert stopped.returncode == 0, stopped.stderr
    _, told = process.communicate(timeout=60)
    assert process.returncode == 75, told
    assert list(run_at(runs).glob("stages/02-train.partial/checkpoint-*/whole.json"))
    assert not [*run_at(runs).rglob("README.md")], "it names no base model"

    process, before = start(folder, "stopped"), len(steps_of(runs))
    until(lambda: len(steps_of(runs)) > before)
    os.kill(stage_process(run_at(runs)), signal.SIGKILL)
    _, told = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "SIGKILL" in told and "hint:" in told

    done = tunelock(folder, "run", "run.lock", "--foreground", "--runs", "stopped")
    assert done.returncode == 0, done.stderr[-3000:]
    assert receipt.read(run_at(runs) / "receipt.json").digests.adapter == whole.digests.adapter
    assert steps_of(runs).count(1) == 1, "it began again from the first step"
    assert not [*run_at(runs).rglob("README.md")], "it names no base model"


def test_a_damaged_result_is_refused(folder: Path, whole: receipt.Receipt) -> None:
    shutil.copytree(folder / "whole", folder / "damaged")
    run = run_at(folder / "damaged")
    for stage in ("03-evaluate", "04-merge", "05-gguf", "06-report"):
        shutil.rmtree(run / "stages" / stage)
    weights = run / "stages" / "02-train" / "result" / "adapter_model.safetensors"
    content = weights.read_bytes()
    for damaged, said in (
        (content[:-100] + bytes(100), "differ from those that their stage produced"),
        (content[:-100], "bytes instead of"),
    ):
        weights.write_bytes(damaged)
        done = tunelock(folder, "run", "run.lock", "--foreground", "--runs", "damaged")
        assert done.returncode == 5, done.stderr
        assert said in done.stderr


@pytest.mark.slow
def test_a_new_gguf_level_does_not_train_again(folder: Path, whole: receipt.Receipt) -> None:
    more = folder / "more"
    shutil.copytree(folder / "whole", more / "whole")
    small(more, ROWS, results__gguf=["f16", "q8_0"])
    assert tunelock(more, "plan").returncode == 0
    done = tunelock(more, "run", "--foreground", "--runs", "whole")
    assert done.returncode == 0, done.stderr[-3000:]
    run = run_at(more / "whole")
    made = receipt.read(run / "receipt.json")
    assert [one.what for one in made.artifacts][:2] == ["adapter", "merged model"]
    assert [one.digest for one in made.artifacts[2:]] == list(made.digests.gguf.values())
    for one in made.artifacts:
        inside = [run / one.path] if (run / one.path).is_file() else (run / one.path).iterdir()
        assert sum(path.stat().st_size for path in inside) == one.size > 0, one
    assert set(made.digests.gguf) == {"f16", "q8_0"}
    assert made.digests.adapter == whole.digests.adapter
    trained = [e for e in read(run / "events.jsonl")[0] if (e.stage, e.kind) == ("train", "done")]
    assert len(trained) == 1


def test_a_push_that_is_planned_later_sends_the_results_of_the_finished_run(
    folder: Path, whole: receipt.Receipt, hub: HubServer, tmp_path: Path
) -> None:
    target, more = f"{hub.user}/tuned", tmp_path / "more"
    shutil.copytree(folder / "whole", more / "whole")
    small(more, ROWS, results__push_to=target)
    assert tunelock(more, "plan").returncode == 0
    tunelock_there = tunelock_on(hub, more, tmp_path)
    again = ("run", "--foreground", "--runs", "whole", "--allow", target)
    hub.fail(r"POST /api/models/.*/commit/", 400, times=1)
    failed = tunelock_there(*again)
    assert failed.returncode == 1, failed.stderr
    assert "hint:" in failed.stderr
    done = tunelock_there(*again)
    assert done.returncode == 0, done.stderr[-3000:]
    sent = received(hub, target, tmp_path)
    wanted = {"model.safetensors", "tokenizer.json", "chat_template.jinja", "demo-q8_0.gguf"}
    assert wanted | {"run.lock", "adapter/adapter_model.safetensors"} <= set(sent)
    run = run_at(more / "whole")
    events = read(run / "events.jsonl")[0]
    assert [e.stage for e in events if e.kind == "done"].count("train") == 1
    made = receipt.read(run / "receipt.json")
    assert made.digests == whole.digests
    assert {one.name for one in made.sent} == set(sent) - {".gitattributes"}


@pytest.mark.slow
def test_packed_rows_train_in_as_many_steps_of_fewer_tokens(
    folder: Path, whole: receipt.Receipt
) -> None:
    packed = small(folder / "packed", ROWS, method__packing="on", method__micro_batch=4)
    planned = tunelock(packed, "plan")
    assert planned.returncode == 0, planned.stderr
    assert "batch     4 x 4, packed" in planned.stdout
    done = tunelock(packed, "run", "--foreground", "--runs", "runs")
    assert done.returncode == 0, done.stderr[-3000:]
    made = receipt.read(run_at(packed / "runs") / "receipt.json")
    assert made.digests.adapter and made.digests.adapter != whole.digests.adapter
    assert made.evaluation.tuned and whole.evaluation.tuned
    assert abs(made.evaluation.tuned.loss - whole.evaluation.tuned.loss) < 0.02
    assert _steps(packed / "runs") == _steps(folder / "whole")


def _steps(runs: Path) -> list[int]:
    events = read(run_at(runs) / "events.jsonl")[0]
    return sorted({int(str(e.fields["step"])) for e in events if e.kind == "step"})
