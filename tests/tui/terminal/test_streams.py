"""Closed streams and full disks: no traceback, one sentence where it can be said, a right code."""

import os
import shlex
import subprocess
from pathlib import Path

import pytest

from tests import programs
from tests.few import few
from tests.journeys.demo_folder import ENVIRONMENT, command, small, tunelock
from tests.tui.follow.test_follow import DONE, write

FULL = "error: The output cannot be written: No space left on device.\nhint: df -h .\n"
CLOSED = "error: The output cannot be written: stdout is closed.\nhint: add `> FILE`\n"
REDIRECTIONS = (">&-", "2>&-", "<&-", "<&- >&- 2>&-", "> /dev/full", "2> /dev/full", "| head -1")
VERBS = (
    "--help", "--version", "nonsense", "run --nonsense", "doctor", "doctor --json", "check",
    "check --json", "diff run.lock run.lock --json", "plan --dry-run", "plan --json", "status",
    "status --json", "watch", "watch --json", "stop runs/a", "fit base --memory 8 --json",
    "data rows/test.jsonl", "data rows/test.jsonl --row 0 --model base", "",
)  # fmt: skip


def said(folder: Path, line: str, **environment: str) -> tuple[int, str, str]:
    """Return the exit code of a shell's line with `tunelock` in it, its stdout and stderr."""
    words = " ".join(f"'{word}'" for word in command())
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", line.replace("tunelock", words, 1)],
        cwd=folder, env=ENVIRONMENT | environment, stdin=subprocess.DEVNULL, capture_output=True,
        timeout=120,
    )  # fmt: skip
    out, err = (text.decode("utf-8", "surrogateescape") for text in (done.stdout, done.stderr))
    assert "Traceback" not in err and "Exception ignored" not in err, err
    return done.returncode, out, err


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run and the demo's files, planned."""
    made = small(tmp_path_factory.mktemp("streams"))
    assert tunelock(made, "plan").returncode == 0
    write(made / "runs" / "a", DONE)
    return made


@pytest.mark.parametrize("verb", few(["status", "status --json", "--help"]))
def test_output_that_cannot_be_written_is_said_and_is_the_code(verb: str, folder: Path) -> None:
    assert said(folder, f"tunelock {verb} > /dev/full") == (1, "", FULL)
    assert said(folder, f"tunelock {verb} >&-") == (1, "", CLOSED)


def test_what_a_command_found_wrong_keeps_its_code(folder: Path) -> None:
    code, _, err = said(folder, "tunelock data rows/test.jsonl > /dev/full")
    assert code == 6
    assert [line for line in err.splitlines() if line.startswith("error: ")] == [
        "error: `rows/test.jsonl` should not be used for training in its current state.",
        "error: The output cannot be written: No space left on device.",
    ]


@pytest.mark.parametrize("way", few(["2>&-", "2> /dev/full", "<&-", "<&- 2>&-"]))
def test_notes_that_nobody_can_read_change_nothing(way: str, folder: Path) -> None:
    code, out, _ = said(folder, f"tunelock status {way}")
    assert code == 0 and out.startswith("a  done")
    assert said(folder, f"tunelock nonsense {way}")[0] == 2


def test_no_file_of_ours_gets_the_number_of_a_closed_stream(folder: Path) -> None:
    line = shlex.join(programs.command("open_file", "run.lock")) + " <&- >&- 2>&- 3> number"
    subprocess.run(["bash", "-c", line], cwd=folder, env=ENVIRONMENT, timeout=60)
    assert int((folder / "number").read_text()) > 3


@pytest.mark.slow
@pytest.mark.parametrize("way", REDIRECTIONS)
def test_every_verb_on_every_stream(way: str, folder: Path) -> None:
    plain = {verb: said(folder, f"tunelock {verb}")[0] for verb in VERBS}
    for verb, code in plain.items():
        found, _, err = said(folder, f"tunelock {verb} {way}")
        assert found in ({code, 1} if ">&-" in way or "> /dev/full" in way else {code}), verb
        assert err.count("error: ") <= 2, err


LIBRARIES = {"TERM": "dumb", "NO_COLOR": "1", "LANG": "C", "LC_ALL": "C", "PYTHONUTF8": "0"}


def test_no_style_is_written_where_there_is_no_terminal_and_no_utf_8(folder: Path) -> None:
    for verb in ("status", "data rows/test.jsonl", "--help"):
        _, out, err = said(folder, f"tunelock {verb}", **LIBRARIES)
        assert all(char.isprintable() or char == "\n" for char in out + err), repr(out + err)


FAULTS = {
    "OSError(28, 'No space left on device', '/a b/c')": (
        1, "`/a b/c` cannot be used: No space left on device.", "df -h .",
    ),
    "OSError(36, 'File name too long', 'x')": (
        2, "`x` cannot be used: File name too long.", "ls -ld x",
    ),
    "OSError(5, 'Input/output error')": (
        1, "The output cannot be written: Input/output error.", "df -h .",
    ),
    "MemoryError()": (1, "Out of memory.", "`free -h` (a smaller input needs less)"),
    "BrokenPipeError(32, 'Broken pipe')": (
        1, "A system call failed: Broken pipe.", "df -h .",
    ),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_of_the_system_is_one_sentence(fault: str) -> None:
    code, message, hint = FAULTS[fault]
    assert raising(fault) == (code, f"error: {message}\nhint: {hint}\n")


@pytest.mark.parametrize(
    "fault",
    ["RecursionError('deep')", "UnicodeError('no')", "KeyError('a\\nerror: b')", "BaseException()"],
)
def test_a_fault_of_ours_names_itself_and_where_its_traceback_is(fault: str) -> None:
    code, err = raising(fault)
    first, second = err.splitlines()
    assert code == 1 and first.startswith("error: Unexpected error (`")
    assert fault.partition("(")[0] in first and "TUNELOCK_TRACEBACK=1" in second
    shown = raising(fault, TUNELOCK_TRACEBACK="1")[1]
    assert shown.startswith("Traceback (most recent call last):\n") and shown.endswith(err)


def raising(fault: str, **environment: str) -> tuple[int, str]:
    """Return how a command ends that raises something, and what it says."""
    done = subprocess.run(
        programs.command("failing_command", fault), env=os.environ | environment,
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.stdout == ""
    return done.returncode, done.stderr
