"""The prompts, at a real pseudo-terminal: a child process asks, and the test types."""

import os
import pty
import re
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lockfiles import intent
from lockfiles.errors import UsageProblem
from planner.interview.answers import check, given
from planner.interview.questions import BY_KEY, QUESTIONS
from tests.programs import command
from tui.prompts.ask import ask

_DOWN, _ENTER, _INTERRUPT = "\x1b[B", "\r", "\x03"
_SECONDS = 20.0


class Terminal:
    """A child at a pseudo-terminal of 80x24, typed to and read like a person would."""

    def __init__(self, master: int, child: subprocess.Popen[bytes]) -> None:
        self._master, self.child = master, child
        self._unread = ""

    def wait_for(self, text: str) -> None:
        """Read until `text` is on the screen; what stood before it counts as read."""
        end = time.monotonic() + _SECONDS
        while text not in self._unread:
            assert time.monotonic() < end, f"no {text!r} in {self._unread!r}"
            if select.select([self._master], [], [], 0.1)[0]:
                data = os.read(self._master, 65536).decode("utf-8", "replace")
                self._unread += re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", data)
        self._unread = self._unread.partition(text)[2]

    def type(self, keys: str) -> None:
        """Send keys."""
        os.write(self._master, keys.encode())

    def answer(self, key: str, keys: str) -> None:
        """Wait for one question and answer it."""
        self.wait_for(f"? {BY_KEY[key].title}")
        self.type(keys)


@contextmanager
def terminal(folder: Path, *keys: str) -> Iterator[Terminal]:
    master, slave = pty.openpty()
    root = str(Path(__file__).parents[3])
    environment = {**os.environ, "TERM": "xterm", "PROMPT_TOOLKIT_NO_CPR": "1", "PYTHONPATH": root}
    with subprocess.Popen(
        command("ask_questions", *keys), stdin=slave, stdout=slave, stderr=slave, cwd=folder,
        env=environment, start_new_session=True,
    ) as child:  # fmt: skip
        os.close(slave)
        try:
            yield Terminal(master, child)
        finally:
            child.kill()
            os.close(master)


def _retype(text: str) -> str:
    return "\x15" + text + _ENTER


def test_the_whole_interview_gives_the_text_that_a_file_gives(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text("{}\n")
    typed = {
        "goal.name": _retype("support-bot"),
        "goal.prompting": "\x1b[A" + _ENTER,
        "goal.repetitive_task": "y" + _ENTER,
        "method.rank": _retype("16"),
        "train.learning_rate": _retype("1e-3"),
        "results.gguf": _DOWN + " " + _ENTER,
    }
    wanted = {
        "data.train": "rows.jsonl", "model.source": "base", "goal.name": "support-bot",
        "goal.prompting": "falls-short", "goal.repetitive_task": True, "method.rank": 16,
        "train.learning_rate": 0.001, "results.gguf": ["q8_0"],
    }  # fmt: skip
    answers = check(wanted, {})
    with terminal(tmp_path) as screen:
        for question in QUESTIONS:
            if question.applies(answers):
                screen.answer(question.key, typed.get(question.key, _ENTER))
        assert screen.child.wait(_SECONDS) == 0
    assert (tmp_path / "run.toml").read_text() == intent.write(given(answers))


def test_a_wrong_answer_is_refused_at_the_prompt(tmp_path: Path) -> None:
    with terminal(tmp_path, "data.format", "data.validation", "train.epochs") as screen:
        screen.answer("data.format", _DOWN + _ENTER)
        screen.answer("data.validation", _retype("nowhere.jsonl"))
        screen.wait_for("`nowhere.jsonl` does not exist.")
        screen.type(_retype(""))
        screen.wait_for(BY_KEY["train.epochs"].help[:30])
        screen.answer("train.epochs", _retype("0"))
        screen.wait_for("It must be from 1 to 1000.")
        screen.type(_retype("2"))
        assert screen.child.wait(_SECONDS) == 0
    assert "epochs = 2" in (tmp_path / "run.toml").read_text()


def test_the_interrupt_key_ends_it_and_writes_nothing(tmp_path: Path) -> None:
    with terminal(tmp_path, "goal.name") as screen:
        screen.answer("goal.name", _INTERRUPT)
        screen.wait_for("ENDED 130 The questions were interrupted")
        assert screen.child.wait(_SECONDS) == 130
    assert not (tmp_path / "run.toml").exists()


def test_without_a_terminal_it_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    with open(os.devnull) as nothing:
        monkeypatch.setattr(sys, "stdin", nothing)
        with pytest.raises(UsageProblem) as caught:
            ask(QUESTIONS)
    assert "tunelock plan" in caught.value.hint
