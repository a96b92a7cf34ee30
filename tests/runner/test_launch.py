"""Stage processes, as real processes: events, stops, orphans and strangers on the pipe."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from runner.events import Writer, read
from runner.folder import Held
from runner.launch import Program, Supervision, launch

Result = tuple[int, list[tuple[str, dict[str, object]]]]

STAGE = "from runner.line import Line\nline = Line.from_environment()\n"
UNTIL_STOPPED = (
    STAGE + "import signal, time\nstopped = []\n"
    "signal.signal(signal.SIGTERM, lambda *_: stopped.append(1))\n"
    "line.send('started')\n"
    "while not stopped: time.sleep(0.01)\n"
    "line.send('checkpoint', step=3)\nraise SystemExit(75)"
)


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., Result]:
    def run(code: str, *, stop: bool = False, stall_seconds: float = 60.0) -> Result:
        events, held = tmp_path / "events.jsonl", Held(tmp_path / "run")
        with Writer(events) as writer:
            supervision = Supervision(
                writer=writer,
                log=tmp_path / "log.txt",
                held=held.descriptor,
                stopping=lambda: stop and bool(read(events)[0]),
                stall_seconds=stall_seconds,
            )
            code_of_exit = launch(Program("train", ("-c", code), {}), supervision)
        held.release()
        return code_of_exit, [(event.kind, event.fields) for event in read(events)[0]]

    return run


def test_events_arrive_in_order(run: Callable[..., Result]) -> None:
    code, events = run(STAGE + "for n in range(500): line.send('step', step=n, text='x' * 300)")
    assert code == 0
    assert events == [("step", {"step": n, "text": "x" * 300}) for n in range(500)]


def test_a_stop_is_passed_on_once(run: Callable[..., Result]) -> None:
    code, events = run(UNTIL_STOPPED, stop=True)
    assert code == 75
    assert events == [("started", {}), ("checkpoint", {"step": 3})]


def test_a_crash_is_an_exit_code_and_its_text_is_in_the_log(
    run: Callable[..., Result], tmp_path: Path
) -> None:
    code, events = run("import os\nprint('last words', flush=True)\nos.abort()")
    assert (code, events) == (-signal.SIGABRT, [])
    assert "last words" in (tmp_path / "log.txt").read_text()


def test_what_is_no_event_is_a_warning(run: Callable[..., Result]) -> None:
    code, events = run(
        STAGE + "import os\nos.write(line._descriptor, b'[1]\\n{\\n{\"kind\": 3}\\n')"
    )
    assert code == 0
    assert len(events) == 3
    assert all(kind == "warning" for kind, _ in events)


def test_silence_is_told_once(run: Callable[..., Result]) -> None:
    _, events = run(STAGE + "import time\ntime.sleep(1.2)", stall_seconds=0.3)
    assert [kind for kind, _ in events] == ["warning"]


def test_a_folder_of_traps_is_not_imported(
    run: Callable[..., Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("runner", "json", "torch"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit(99)")
    monkeypatch.chdir(tmp_path)
    assert run(STAGE + "line.send('done')") == (0, [("done", {})])


def test_a_stage_notices_that_its_supervisor_was_killed(tmp_path: Path) -> None:
    stage = (
        STAGE + "import time\nfrom pathlib import Path\n"
        "while not line.broken:\n    line.send('step', loss=1.0)\n    time.sleep(0.01)\n"
        f"Path({str(tmp_path / 'saved')!r}).write_text('checkpoint')"
    )
    supervisor = (
        "from pathlib import Path\nfrom runner.events import Writer\n"
        "from runner.folder import Held\n"
        "from runner.launch import Program, Supervision, launch\n"
        f"folder = Path({str(tmp_path)!r})\nwriter = Writer(folder / 'events.jsonl')\n"
        "held = Held(folder).descriptor\n"
        "supervision = Supervision(writer, folder / 'log', held, lambda: False)\n"
        f"launch(Program('train', ('-c', {stage!r}), {{}}), supervision)"
    )
    process = subprocess.Popen([sys.executable, "-c", supervisor], cwd=os.getcwd())
    _wait(lambda: bool(read(tmp_path / "events.jsonl")[0]))
    process.kill()
    process.wait()
    _wait((tmp_path / "saved").exists)


def _wait(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)
