"""The plain prompts in a real terminal: what they say at a problem, a verdict and a return."""

import shutil
import sys
from pathlib import Path

import pytest

from tests.planner.data.reading.labelled_rows import as_csv, pairs
from tests.tui.wizard.drive import Tmux
from tests.tui.wizard.samples import answered, lay_out
from tui.session import store
from tui.session.steps import ALL

pytestmark = pytest.mark.skipif(not shutil.which("tmux"), reason="tmux is not installed")

_COMMAND = f"{sys.executable} -P -c 'from tui.cli import main; main()' --plain"


def started(folder: Path) -> Tmux:
    return Tmux(folder, f"{_COMMAND}; echo ENDED $?; exec cat", rows=50)


def keep_all(session: Tmux, step: str) -> None:
    """Press Enter at each of a step's questions."""
    values = answered().values
    for question in ALL[step].applying(values):
        if question.key != "goal.override":
            at(session, question.title)
            session.press("enter")


def at(session: Tmux, title: str) -> None:
    """Wait until a question is the last one on the screen."""

    def asked(screen: str) -> bool:
        found = [line for line in screen.splitlines() if line.startswith("? ")]
        return bool(found) and found[-1].startswith(f"? {title}")

    session.wait(asked)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return lay_out(tmp_path)


def test_a_wrong_file_is_asked_for_again_and_ctrl_c_keeps_the_answers(folder: Path) -> None:
    (folder / "empty.jsonl").write_text("")
    store.keep(answered(data__train="empty.jsonl"), folder, "run.toml")
    session = started(folder)
    try:
        session.wait_for("Starting from your earlier answers.")
        keep_all(session, "goal")
        session.wait_for("== Step 2 of 6: Data ==")
        keep_all(session, "data")
        assert "has no rows. Hint: head" in session.wait_for("press Enter to keep an answer")
        at(session, "Training examples")
        session.press("C-u")
        session.type("rows/train.jsonl")
        keep_all(session, "data")
        screen = session.wait_for("== Step 3 of 6: Model ==")
        assert "train       750 rows · format messages" in screen
        assert "Verdict: fine-tune." in screen and "  + 750 good examples meet" in screen
        at(session, "Base model")
        session.press("C-c")
        session.wait_for("ENDED 130")
    finally:
        session.close()
    kept = store.restore(folder, "run.toml")
    assert kept is not None and kept.values["data.train"] == "rows/train.jsonl"
    assert not (folder / "run.toml").exists()


@pytest.mark.slow
def test_a_classification_is_confirmed_with_one_answer(folder: Path) -> None:
    as_csv(folder / "rows.csv", ("text", "label"), pairs())
    store.keep(answered(data__train="rows.csv", data__test=""), folder, "run.toml")
    session = started(folder)
    try:
        session.wait_for("Starting from your earlier answers.")
        keep_all(session, "goal")
        session.wait_for("== Step 2 of 6: Data ==")
        keep_all(session, "data")
        screen = session.wait_for("? Read the rows as a classification?")
        assert "`text`, and `label` has 15 different labels." in screen
        session.press("y", "enter")
        screen = session.wait_for("== Step 3 of 6: Model ==")
        assert "150 rows · format classification" in screen
        assert "Classify the text. Reply with one of these labels" in screen
        at(session, "Base model")
        session.press("C-c")
        session.wait_for("ENDED 130")
    finally:
        session.close()
    kept = store.restore(folder, "run.toml")
    assert kept is not None and kept.values["data.format"] == "classification"


def test_a_verdict_against_asks_for_a_reason_and_leaves_advice(folder: Path) -> None:
    store.keep(answered(goal__prompting="works"), folder, "run.toml")
    session = started(folder)
    try:
        session.wait_for("Starting from your earlier answers.")
        keep_all(session, "goal")
        session.wait_for("Verdict: do not fine-tune")
        at(session, "Reason to fine-tune against the verdict")
        session.press("enter")
        screen = session.wait_for("ENDED 0")
        assert "Wrote `advice.md` with what to do instead." in screen
    finally:
        session.close()
    assert (folder / "advice.md").read_text().startswith("# support-bot: do not fine-tune")
    assert not (folder / "run.toml").exists()
