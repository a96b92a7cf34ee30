"""No string, wherever it is printed and on whatever face, steers a terminal or forges a line."""

import json
import os
import pty
import re
import select
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from tests.programs import command
from tests.trust.captured import inside
from tests.trust.hostile import FORGED, strings
from tests.trust.screens import dashboard_faults, wizard_faults
from tests.trust.terminal import main, tried
from tests.tui.wizard.drive import Tmux, wizard_command
from tests.tui.wizard.samples import answered, lay_out
from tui.session import store
from tui.session.draft import passing

ROOT = Path(__file__).parents[2]
EVIL = f"a\x1b]0;owned\x07\x1b[2J\x9b31m\u202e\nerror: {FORGED}\u2028b"


def test_no_string_acts_or_forges_a_line(tmp_path: Path) -> None:
    """A sample; the slow test below tries 2,000."""
    counted, wrong = tried(list(strings(60))[::3], tmp_path)
    assert not wrong, wrong[:20]
    assert len(counted) > 60 and counted.total() > 700


async def test_no_string_acts_on_a_screen(tmp_path: Path) -> None:
    some = list(strings(60))[::4]
    with inside(tmp_path):
        assert not await wizard_faults(some, Path())
        assert not await dashboard_faults(some)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_2000_strings_neither_act_nor_forge() -> None:
    assert main(2000) == 0


def test_an_answer_that_acts_is_kept_by_enter_and_never_shown_raw() -> None:
    initial = {key: EVIL for key in ("goal.override", "data.system", "machine.facts")}
    master, slave = pty.openpty()
    environment = {
        **os.environ, "TERM": "xterm", "PROMPT_TOOLKIT_NO_CPR": "1", "PYTHONPATH": str(ROOT),
    }  # fmt: skip
    program = command("ask_again", json.dumps(initial))
    with subprocess.Popen(
        program, stdin=slave, stdout=slave, stderr=slave, env=environment, start_new_session=True
    ) as child:
        os.close(slave)
        shown = _entered(master, len(initial))
        child.wait(20)
    assert "KEPT" in shown, shown
    assert "\x1b]0" not in shown and "\x9b" not in shown and "\u202e" not in shown
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown)
    assert not re.search(rf"[\r\n]\s*error: {FORGED}", plain), plain


def _entered(master: int, prompts: int) -> str:
    """Press Enter at each prompt and return all that was shown."""
    shown, entered, end = "", 0, time.monotonic() + 20
    try:
        while time.monotonic() < end:
            if select.select([master], [], [], 0.1)[0]:
                shown += os.read(master, 65536).decode("utf-8", "surrogateescape")
            elif entered < prompts and shown.count("Enter keeps") > entered:
                os.write(master, b"\r")
                entered += 1
    except OSError:  # the other end is closed
        pass
    finally:
        os.close(master)
    return shown


@pytest.mark.skipif(not shutil.which("tmux"), reason="tmux is not installed")
def test_a_stranger_s_rows_leave_a_real_terminal_as_it_was(tmp_path: Path) -> None:
    lay_out(tmp_path)
    path = tmp_path / "rows" / "train.jsonl"
    rows = path.read_text("utf-8").splitlines()
    first = json.loads(rows[0])
    first["messages"][1]["content"] = EVIL
    path.write_text("\n".join([json.dumps(first), *rows[1:]]) + "\n", "utf-8")
    store.save(passing(answered()), tmp_path, "run.toml")
    session = Tmux(tmp_path, wizard_command())
    try:
        session.wait_for("Continue where I left off")
        session.press("enter")
        session.wait_for("Show findings")
        title = session.title()
        session.press("x")
        session.wait_for(r"a\x1b]0;owned\x07\x1b[2J")
        assert session.title() == title != "owned"
    finally:
        session.close()
