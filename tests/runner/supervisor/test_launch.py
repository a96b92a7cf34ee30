"""Stage processes, as real processes: events, stops, orphans and strangers on the pipe."""

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from lockfiles.errors import RunFailed, UsageProblem
from runner.runs.events import Writer, read
from runner.runs.folder import Held
from runner.supervisor.launch import LIMITS, Limits, Program, Supervision, launch
from tests.programs import command, words

Told = list[tuple[str, dict[str, object]]]
Result = tuple[int, Told]

STAGE = "from runner.runs.pipe import Line\nline = Line.from_environment()\n"


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., Result]:
    def run(
        *arguments: str,
        stop: bool = False,
        limits: Limits = LIMITS,
        meanwhile: Callable[[], object] = lambda: None,
    ) -> Result:
        events, held = tmp_path / "events.jsonl", Held(tmp_path / "run")
        with Writer(events) as writer:
            supervision = Supervision(
                writer=writer,
                log=tmp_path / "run" / "log.txt",
                folder=held.folder,
                stopping=lambda: bool(meanwhile()) or (stop and bool(read(events)[0])),
                limits=limits,
            )
            code_of_exit = launch(Program("train", arguments, {}), supervision)
        held.release()
        return code_of_exit, [(event.kind, event.fields) for event in read(events)[0]]

    return run


def test_events_arrive_in_order(run: Callable[..., Result]) -> None:
    code, events = run(
        "-c", STAGE + "for n in range(500): line.send('step', step=n, text='x' * 300)"
    )
    assert code == 0
    assert events == [("step", {"step": n, "text": "x" * 300}) for n in range(500)]


def test_a_stop_is_passed_on_once(run: Callable[..., Result]) -> None:
    code, events = run(*words("stage", "until_stopped"), stop=True)
    assert code == 75
    stopping = {"what": "stopping", "done": 0, "total": 120, "unit": "seconds"}
    assert events == [
        ("started", {}),
        ("progress", stopping | {"stop_within_seconds": 120}),
        ("checkpoint", {"step": 3}),
    ]


def test_a_crash_is_an_exit_code_and_its_text_is_in_the_log(
    run: Callable[..., Result], tmp_path: Path
) -> None:
    code, events = run("-c", "import os\nprint('last words', flush=True)\nos.abort()")
    assert (code, events) == (-signal.SIGABRT, [])
    assert "last words" in (tmp_path / "run" / "log.txt").read_text()


def test_what_is_no_event_is_a_warning(run: Callable[..., Result]) -> None:
    code, events = run(
        "-c", STAGE + "import os\nos.write(line._descriptor, b'[1]\\n{\\n{\"kind\": 3}\\n')"
    )
    assert code == 0
    assert len(events) == 3
    assert all(kind == "warning" for kind, _ in events)


def test_silence_is_told_once(run: Callable[..., Result]) -> None:
    _, events = run("-c", STAGE + "import time\ntime.sleep(1.2)", limits=Limits(stall_seconds=0.3))
    assert [kind for kind, _ in events] == ["warning"]
    assert 0.3 <= float(str(events[0][1]["stalled_seconds"])) < 1.2


def since_started(events: Told) -> Told:
    """Leave out the silence of a process that has not begun yet."""
    return events[[kind for kind, _ in events].index("started") :]


def test_a_heartbeat_is_no_event_and_a_live_stage_is_only_quiet(run: Callable[..., Result]) -> None:
    limits = Limits(stall_seconds=0.6, quiet_seconds=0.4)
    code, events = run(*words("stage", "beating", 1.5), limits=limits)
    assert code == 0
    events = since_started(events)
    assert [kind for kind, _ in events] == ["started", "warning", "step"]
    assert "stalled_seconds" not in events[1][1] and events[1][1]["quiet_seconds"]


def test_a_stopped_stage_is_noticed_and_heard_again(
    run: Callable[..., Result], tmp_path: Path
) -> None:
    def meanwhile() -> None:
        told = read(tmp_path / "events.jsonl")[0]
        numbers = [event.fields["process"] for event in told if event.kind == "started"]
        if not numbers:
            return
        number = int(numbers[0])
        kinds = [event.kind for event in told]
        warned = "started" in kinds and "warning" in kinds[kinds.index("started") :]
        os.kill(number, signal.SIGCONT if warned else signal.SIGSTOP)

    limits = Limits(stall_seconds=0.5)
    code, events = run(*words("stage", "beating", 0.2), limits=limits, meanwhile=meanwhile)
    assert code == 0
    events = since_started(events)
    assert [kind for kind, _ in events] == ["started", "warning", "warning", "step"]
    assert float(str(events[1][1]["stalled_seconds"])) >= 0.5
    assert events[2][1]["stalled_seconds"] == 0
    assert "responding again" in str(events[2][1]["text"])


def test_heartbeats_that_wait_for_a_busy_supervisor_are_no_silence(
    run: Callable[..., Result], tmp_path: Path
) -> None:
    def busy() -> None:
        if any(event.kind == "started" for event in read(tmp_path / "events.jsonl")[0]):
            time.sleep(0.5)

    limits = Limits(stall_seconds=0.4)
    code, events = run(*words("stage", "beating", 1.2), limits=limits, meanwhile=busy)
    assert code == 0
    assert [kind for kind, _ in since_started(events)] == ["started", "step"]


def test_a_stopped_process_of_several_is_named(run: Callable[..., Result]) -> None:
    code, events = run(*words("stage", "one_of_two_is_stopped"), limits=Limits(stall_seconds=0.5))
    assert code == 0
    assert [kind for kind, _ in since_started(events)] == ["started", "warning", "step"]
    warned = since_started(events)[1][1]
    assert "no heartbeat from process 1 of `train` for " in str(warned["text"])
    limits = Limits(stall_seconds=0.3, lost_seconds=0.5)
    with pytest.raises(RunFailed, match=r"Process 1 of `train` has sent no heartbeat for \d s"):
        run(*words("stage", "one_of_two_is_stopped"), limits=limits)


def test_a_stopped_stage_is_woken_to_stop(run: Callable[..., Result], tmp_path: Path) -> None:
    code, events = run(*words("stage", "asleep"), stop=True)
    assert code == 75
    assert events[-1] == ("checkpoint", {"step": 3})


def test_a_hang_up_does_not_reach_a_stage(run: Callable[..., Result]) -> None:
    code, events = run(*words("stage", "hung_up"), stop=True)
    assert code == 75
    assert events[-1] == ("checkpoint", {"step": 3})


def test_a_stage_that_does_not_stop_is_ended_in_time(run: Callable[..., Result]) -> None:
    begun = time.monotonic()
    code, events = run(
        *words("stage", "deaf_with_child"), stop=True, limits=Limits(grace_seconds=0.5)
    )
    assert code == -signal.SIGKILL
    assert 0.5 <= time.monotonic() - begun < 10
    assert "did not stop in time" in str(events[-1][1]["text"])
    _wait(lambda: not _lives(int(str(events[0][1]["child"]))))


def _lives(number: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False


def test_an_event_without_end_is_left_out(run: Callable[..., Result]) -> None:
    code, events = run(*words("stage", "long_event"))
    assert code == 0
    assert {kind for kind, _ in events} == {"warning", "step"} and len(events) < 5


def test_a_log_that_is_a_link_is_refused(run: Callable[..., Result], tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "private").write_text("kept")
    (tmp_path / "run" / "log.txt").symlink_to("../private")
    with pytest.raises(UsageProblem, match=r"log.txt` is a link"):
        run("-c", "print('overwritten')")
    assert (tmp_path / "private").read_text() == "kept"


def test_a_folder_of_traps_is_not_imported(
    run: Callable[..., Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("runner", "json", "torch"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit(99)")
    monkeypatch.chdir(tmp_path)
    assert run("-c", STAGE + "line.send('done')") == (0, [("done", {})])


def test_a_stage_notices_that_its_supervisor_was_killed(tmp_path: Path) -> None:
    stage = words("stage", "until_broken", tmp_path / "saved")
    process = subprocess.Popen(command("supervisor", tmp_path, *stage), cwd=os.getcwd())
    _wait(lambda: bool(read(tmp_path / "events.jsonl")[0]))
    process.kill()
    process.wait()
    _wait((tmp_path / "saved").exists)


def _wait(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_loop_in_native_code_is_noticed_and_ended(
    run: Callable[..., Result], tmp_path: Path
) -> None:
    def noticed() -> bool:
        return [e.kind for e in read(tmp_path / "events.jsonl")[0]][-2:] == ["started", "warning"]

    limits = Limits(stall_seconds=0.5, grace_seconds=0.5)
    code, events = run(*words("stage", "in_native_code"), limits=limits, meanwhile=noticed)
    assert code == -signal.SIGKILL
    told = since_started(events)
    assert [kind for kind, _ in told[:3]] == ["started", "warning", "progress"]
    assert "step" not in [kind for kind, _ in told]
    assert float(str(told[1][1]["stalled_seconds"])) >= 0.5
    assert "did not stop in time" in " ".join(str(fields.get("text")) for _, fields in told)
