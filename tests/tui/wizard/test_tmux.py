"""The wizard in a real terminal: tmux at 80x24."""

import os
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lockfiles import intent, lock
from planner.interview.answers import check, given
from tests.few import few
from tests.tui.wizard.drive import SECONDS, Tmux, drive, strokes, wizard_command
from tests.tui.wizard.samples import ANSWERS, answered, lay_out
from tui.session import store
from tui.session.draft import passing
from tui.session.facts import Facts

pytestmark = pytest.mark.skipif(not shutil.which("tmux"), reason="tmux is not installed")


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Tmux]:
    terminal = Tmux(lay_out(tmp_path), wizard_command())
    yield terminal
    terminal.close()


def _one_answer(session: Tmux) -> None:
    session.wait_for("1 of 7 · Goal")
    for stroke in list(strokes({"goal.name": "support-bot"}))[:3]:
        session.type(stroke.text) if stroke.text else session.press(*stroke.keys)
        session.wait(stroke.seen)


def test_leaving_keeps_the_answers_and_coming_back_offers_them(
    session: Tmux, tmp_path: Path
) -> None:
    _one_answer(session)
    session.press("q")
    session.wait_for("ENDED 0")
    kept = store.restore(tmp_path, "run.toml")
    assert kept is not None and kept.values["goal.name"] == "support-bot"
    session.close()

    again = Tmux(tmp_path, wizard_command())
    try:
        again.wait_for("Continue where I left off")
        again.press("enter")
        again.wait_for("tunelock · support-bot")
        again.wait_for("1 of 7 · Goal")
    finally:
        again.close()


@pytest.mark.parametrize("number", few([signal.SIGHUP, signal.SIGTERM]))
def test_a_hang_up_keeps_the_answers_and_gives_the_terminal_back(
    tmp_path: Path, number: signal.Signals
) -> None:
    command = f"sh -c '{wizard_command().replace('-m', '-u -m')}'"
    session = Tmux(lay_out(tmp_path), command)
    try:
        _one_answer(session)
        os.kill(_wizard_of(session.pid()), number)
        screen = session.wait_for("ENDED 0")
        assert "1 of 7" not in screen
    finally:
        session.close()
    kept = store.restore(tmp_path, "run.toml")
    assert kept is not None and kept.values["goal.name"] == "support-bot"


def test_a_closed_terminal_ends_the_wizard_and_keeps_the_answers(
    session: Tmux, tmp_path: Path
) -> None:
    _one_answer(session)
    process = _wizard_of(session.pid())
    session.close()
    end = time.monotonic() + SECONDS
    while Path(f"/proc/{process}").exists():
        assert time.monotonic() < end, "it goes on without a terminal"
        time.sleep(0.05)
    assert store.restore(tmp_path, "run.toml") is not None


def _wizard_of(shell: int) -> int:
    children = Path(f"/proc/{shell}/task/{shell}/children").read_text().split()
    return int(children[0])


def test_any_size_is_survived(session: Tmux) -> None:
    session.wait_for("1 of 7 · Goal")
    for columns, rows in ((1, 1), (200, 60), (59, 24), (80, 15)):
        session.resize(columns, rows)
    session.wait_for("The wizard needs 60")
    session.resize(80, 24)
    session.wait_for("1 of 7 · Goal")
    session.press("down")
    session.wait_for("▸   What should change")


def test_the_demo_s_answers_by_keys_are_the_bytes_of_the_answers(
    session: Tmux, tmp_path: Path
) -> None:
    session.wait_for("1 of 7 · Goal")
    drive(session, ANSWERS)
    session.wait_for("tunelock plan run.toml")
    session.press("enter")
    session.wait_for("ENDED 0")
    wanted = intent.write(given(check(answered().values, {})))
    assert (tmp_path / "run.toml").read_text() == wanted
    planned = Facts(tmp_path).lock(answered().values)
    assert (tmp_path / "run.lock").read_text() == lock.write(planned)
    assert not store.draft_path(tmp_path, "run.toml").exists()


@pytest.mark.slow
def test_the_data_is_looked_through_and_seen_as_training_sees_it(tmp_path: Path) -> None:
    lay_out(tmp_path)
    store.save(passing(answered()), tmp_path, "run.toml")
    session = Tmux(tmp_path, wizard_command())
    try:
        session.wait_for("Continue where I left off")
        session.press("enter")
        session.wait_for("Show findings: 2 warnings, 2 notes")
        session.press("up", "up", "enter")
        session.wait_for("▸ ! warning  near-duplicates       7 rows")
        session.press("enter")
        session.wait_for("row 111 (train.jsonl, line 112)")
        session.press("x")
        session.wait_for("row 61 (train.jsonl, line 62): ")
        session.wait_for("SCORED │ ")
        session.press("q")
        session.wait_for("ENDED 0")
    finally:
        session.close()
