"""Journeys through the wizard's screen, at 80x24 and without a terminal."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from lockfiles import intent
from lockfiles.errors import UsageProblem
from planner.interview.answers import check, given
from tests.few import few
from tests.tui.wizard.drive import strokes
from tests.tui.wizard.pilot import Run, until, until_text
from tests.tui.wizard.samples import ANSWERS, answered, lay_out
from tui.session import store
from tui.session.draft import Draft, fresh, passing
from tui.session.result import WizardResult
from tui.session.steps import ALL
from tui.wizard.shell import Wizard

_SIZE = (80, 24)


def wizard(folder: Path, start: Draft | None = None, kept: Draft | None = None) -> Wizard:
    return Wizard(folder, "run.toml", start or fresh(), kept)


async def drive(run: Run, answers: Mapping[str, object], start: Draft) -> None:
    """Press the keys that give some answers, from the Goal step to the Review."""
    for stroke in strokes(answers, start.values):
        await run.press(*stroke.text, *stroke.keys)
        await until(run, stroke.seen)


def at(step: str, **changed: object) -> Draft:
    """Return the demo's answers with every step before `step` passed."""
    draft = answered(**changed)
    while draft.current != step:
        draft = passing(draft)
    return draft


@pytest.mark.slow
async def test_the_demo_s_answers_by_keys_are_the_bytes_of_the_answers(tmp_path: Path) -> None:
    start = answered(goal__repetitive_task=False, method__rank=0)
    app = wizard(lay_out(tmp_path), start)
    async with app.run_test(size=_SIZE) as run:
        await drive(run, ANSWERS, start)
        screen = await until_text(run, "tunelock run run.lock")
        assert "support-bot · verdict fine-tuning" in screen
        await run.press("enter")
        await until(run, lambda screen: app.return_value is not None)
    assert app.return_value == WizardResult("written", tmp_path / "run.toml", tmp_path / "run.lock")
    wanted = intent.write(given(check(answered().values, {})))
    assert (tmp_path / "run.toml").read_text() == wanted
    assert not (tmp_path / "advice.md").exists()


async def test_starting_is_a_separate_yes_that_names_the_disk(tmp_path: Path) -> None:
    app = wizard(lay_out(tmp_path, 5), at("review"))
    async with app.run_test(size=_SIZE) as run:
        await run.press("down", "enter")
        screen = await until_text(run, "Nothing starts until you choose yes.")
        assert "Time:" in screen and "Disk:" in screen
        await run.press("enter")
        await until_text(run, "7 of 7 · Review")
        assert not (tmp_path / "run.toml").exists()
        await run.press("down", "enter")
        await until_text(run, "Nothing starts")
        await run.press("down", "enter")
        await until(run, lambda screen: app.return_value is not None)
    assert app.return_value is not None and app.return_value.kind == "start"
    assert (tmp_path / "run.lock").exists()


async def test_going_on_says_what_to_do_and_going_back_never_checks(tmp_path: Path) -> None:
    app = wizard(lay_out(tmp_path, 5))
    async with app.run_test(size=_SIZE) as run:
        await run.press("n")
        await until_text(run, "give a reason in the last question")
        await until_text(run, "▸   Reason to fine-tune")
        await run.press("enter", *"to learn", "enter", "n")
        await until_text(run, "2 of 7 · Data")
        await run.press("n")
        await until_text(run, "`Training examples` needs an answer: press Enter on it.")
        await run.press("3")
        await until_text(run, "Model comes later")
        await run.press("b")
        await until_text(run, "1 of 7 · Goal")
        await run.press("2")
        await until_text(run, "2 of 7 · Data")


async def test_a_wrong_answer_is_refused_with_its_sentence(tmp_path: Path) -> None:
    app = wizard(lay_out(tmp_path, 5), at("method"))
    async with app.run_test(size=_SIZE) as run:
        asked = [one.key for one in ALL["method"].applying(app.draft.values)]
        await run.press(*["down"] * asked.index("method.rank"), "enter", *"many", "enter")
        await until_text(run, "`LoRA rank` must be an integer.")
        await run.press("escape")
        await until(run, lambda screen: "rank >" not in screen)
        assert app.draft.values["method.rank"] == ANSWERS["method.rank"]
        await run.press("2", "enter", *"none.jsonl", "enter")
        await until_text(run, "`none.jsonl` does not exist.")


async def test_a_change_marks_what_depends_on_it_and_writing_waits_for_that(
    tmp_path: Path,
) -> None:
    app = wizard(lay_out(tmp_path, 5), at("review"))
    async with app.run_test(size=_SIZE) as run:
        await run.press("4")
        await until_text(run, "4 of 7 · Machine")
        await run.press("left")
        await until_text(run, "! Method  stale")
        await run.press("7")
        await until_text(run, "STALE, review again: Method, Results")
        await run.press("enter")
        await until_text(run, "Press 5 to review")
        assert not (tmp_path / "run.toml").exists()
        await run.press("5", "n")
        await until_text(run, "6 of 7 · Results")
        await run.press("n")
        await until_text(run, "7 of 7 · Review")
        assert app.draft.stale == frozenset()


async def test_left_and_right_go_through_the_choices(tmp_path: Path) -> None:
    app = wizard(lay_out(tmp_path, 5), at("machine"))
    async with app.run_test(size=_SIZE) as run:
        await run.press("right")
        await until_text(run, "cuda  │")
        await run.press("left", "left")
        await until_text(run, "auto  │")


async def test_help_facts_and_commands_open_and_close(tmp_path: Path) -> None:
    app = wizard(lay_out(tmp_path, 5))
    async with app.run_test(size=_SIZE) as run:
        await run.press("question_mark")
        await until_text(run, "In run.toml: goal.name")
        await run.press("escape")
        await until_text(run, "▸   Name of the tuned model")
        await run.press("colon", *"help", "enter")
        await until_text(run, "In run.toml: goal.name")
        await run.press("f")
        await until_text(run, "▸   Name of the tuned model")
        await run.press("f", "down", "enter", "f")
        assert app.draft == fresh()
        await run.press("colon", *"nothing", "enter")
        await until_text(run, "`nothing` is not a command")


async def test_a_kept_draft_offers_to_go_on_or_start_over(tmp_path: Path) -> None:
    kept = at("model")
    app = wizard(lay_out(tmp_path, 5), kept=kept)
    async with app.run_test(size=_SIZE) as run:
        await until_text(run, "You were at step 3 of 7, Model.")
        await run.press("enter")
        await until_text(run, "▸ • Base model")
    app = wizard(tmp_path, kept=kept)
    async with app.run_test(size=_SIZE) as run:
        await run.press("down", "enter")
        await until_text(run, "1 of 7 · Goal")
        assert app.draft == fresh()
        await run.press("q")
    assert app.return_value == WizardResult("left")
    assert store.restore(tmp_path, "run.toml") is None


async def test_leaving_with_a_verdict_against_writes_the_advice(tmp_path: Path) -> None:
    app = wizard(tmp_path, answered(goal__prompting="works"))
    async with app.run_test(size=_SIZE) as run:
        await until_text(run, "Verdict: do not fine-tune")
        await run.press("q")
    assert (tmp_path / "advice.md").read_text().startswith("# support-bot: do not fine-tune")
    assert store.restore(tmp_path, "run.toml") is not None


@pytest.mark.parametrize("step", few(["goal", "review"]))
async def test_any_size_is_survived(tmp_path: Path, step: str) -> None:
    app = wizard(lay_out(tmp_path, 5), at(step))
    async with app.run_test(size=_SIZE) as run:
        before = await until_text(run, f"· {step.capitalize()}")
        for size in ((1, 1), (300, 3), (59, 24)):
            await run.resize_terminal(*size)
            await run.pause()
        await until_text(run, "The wizard needs 60")
        await run.press("down", "up")
        await run.resize_terminal(*_SIZE)
        after = await until_text(run, f"· {step.capitalize()}")
        assert after.splitlines()[-1] == before.splitlines()[-1]


def test_the_answers_of_a_run_toml_are_where_it_starts(tmp_path: Path) -> None:
    (tmp_path / "run.toml").write_text('[goal]\nname = "again"\n[data]\ntrain = "x.jsonl"\n')
    start = store.first_draft(tmp_path, "run.toml")
    assert start == fresh({"goal.name": "again", "data.train": "x.jsonl"})
    assert store.first_draft(tmp_path, "other.toml") == fresh()
    (tmp_path / "run.toml").write_text('[goal]\nnome = "again"\n')
    with pytest.raises(UsageProblem, match="unknown key"):
        store.first_draft(tmp_path, "run.toml")
