"""One interview, three faces: the wizard, the prompts and a file give the same bytes."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from lockfiles import intent
from planner.interview.answers import Answers, check, given
from planner.interview.questions import QUESTIONS
from planner.questions.question import Question
from runner.demo import files
from tests.journeys.demo_folder import command, tunelock
from tests.tui.wizard.drive import Tmux, drive, showing

if shutil.which("tmux") is None:
    pytest.skip("tmux is not installed", allow_module_level=True)


def started(folder: Path, *arguments: str) -> Tmux:
    """Start `tunelock` in a terminal of 80x24."""
    program = command(*arguments)
    quoted = " ".join(f"'{word}'" for word in program)
    return Tmux(folder, f"{quoted}; echo ended with $?; exec sleep 600")


def files_without_answers(folder: Path) -> Path:
    files.write(folder).unlink()
    return folder


def keys(question: Question, wanted: object) -> Iterator[tuple[str, str]]:
    """Yield what gives an answer at a prompt: `press` and a key, or `type` and text."""
    if question.kind == "boolean":
        yield "type", "y" if wanted else "n"
    elif question.kind == "choice":
        places = question.choices.index(str(wanted)), question.choices.index(str(question.default))
        yield from [("press", "down")] * ((places[0] - places[1]) % len(question.choices))
    elif question.kind == "choices":
        assert isinstance(wanted, tuple)
        for choice in question.choices:
            if choice in wanted:
                yield "press", "Space"
            yield "press", "down"
    elif wanted != question.default:
        yield "press", "C-u"
        yield "type", str(wanted)
    yield "press", "enter"


def answer_prompts(terminal: Tmux, answers: Answers) -> None:
    for question in QUESTIONS:
        if question.key == "goal.override" or not question.applies(answers):
            continue
        terminal.wait(showing(f"? {question.title[:50]}"))
        for way, what in keys(question, answers[question.key]):
            getattr(terminal, way)(what)


@pytest.mark.slow
def test_three_faces_give_the_same_bytes(tmp_path: Path) -> None:
    answers = check(files.ANSWERS, {})
    by_file, by_wizard, by_prompts = (
        files_without_answers(tmp_path / name) for name in ("file", "wizard", "prompts")
    )

    (by_file / "run.toml").write_text(intent.write(given(answers)), "utf-8")
    planned = tunelock(by_file, "plan")
    assert planned.returncode == 0, planned.stderr

    screen = started(by_wizard)
    try:
        screen.wait_for("1 of 7")
        drive(screen, answers)
        screen.wait_for("7 of 7")
        screen.press("enter")
        screen.wait(lambda text: "ended with 0" in text)
    finally:
        screen.close()

    prompt = started(by_prompts, "--plain")
    try:
        answer_prompts(prompt, answers)
        prompt.wait(lambda text: "ended with 0" in text)
    finally:
        prompt.close()

    for name in ("run.toml", "run.lock"):
        wanted = (by_file / name).read_bytes()
        assert (by_wizard / name).read_bytes() == wanted, f"{name} of the wizard"
        assert (by_prompts / name).read_bytes() == wanted, f"{name} of the prompts"
