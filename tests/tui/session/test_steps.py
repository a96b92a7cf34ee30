"""The steps without a screen: what they ask, what they refuse, and the text around them."""

from pathlib import Path

import pytest

from planner.interview.questions import BY_KEY, QUESTIONS
from tests.planner.data.reading.labelled_rows import as_csv, pairs
from tests.tui.wizard.samples import answered, facts
from tui.session import lines
from tui.session.draft import STEPS, answer, fresh, passing
from tui.session.facts import Facts
from tui.session.steps import ALL, problems
from tui.wizard.widgets import keys


def test_every_question_is_asked_by_exactly_one_step() -> None:
    assert tuple(ALL) == STEPS
    asked = [question.key for step in ALL.values() for question in step.questions]
    assert sorted(asked) == sorted(question.key for question in QUESTIONS)


def test_only_questions_that_apply_are_asked() -> None:
    step, values = ALL["method"], answered(method__kind="full").values
    assert "method.rank" not in [question.key for question in step.applying(values)]
    assert "method.rank = 8" in step.summarise(answered().values)


def test_the_goal_step_holds_until_a_reason_overrides_the_verdict(tmp_path: Path) -> None:
    found = problems(ALL["goal"], fresh().values, facts(tmp_path))
    assert [problem.key for problem in found] == ["goal.override"]
    assert "prompt-engineering" in found[0].sentence
    insisting = answer(fresh(), "goal.override", "to learn how").values
    assert problems(ALL["goal"], insisting, facts(tmp_path / "again")) == ()


@pytest.mark.parametrize(
    ("changed", "step", "key", "words"),
    [
        ({"data__train": ""}, "data", "data.train", "needs an answer"),
        ({"data__train": "none.jsonl"}, "data", "data.train", "is not a file"),
        (
            {"data__format": "alpaca", "data__test": ""},
            "data",
            "data.format",
            "`messages`, not `alpaca`",
        ),
        ({"model__source": "./rows"}, "model", "model.source", "safetensors"),
        ({"machine__facts": "base/config.json"}, "machine", "machine.facts", "is an unknown key"),
        ({"machine__device": "cuda"}, "machine", "machine.device", "no NVIDIA GPU"),
        ({"results__merge": False}, "results", "results.merge", "made from a merged model"),
        (
            {"data__test": "", "data__validation_fraction": 0.0},
            "results",
            "results.evaluate",
            "needs held-out rows",
        ),
    ],
)
def test_what_stands_in_the_way(
    tmp_path: Path, changed: dict[str, object], step: str, key: str, words: str
) -> None:
    if "cuda" in changed.values() and facts(tmp_path / "probe").machine(answered().values).gpus:
        pytest.skip("this machine has an NVIDIA GPU")
    found = problems(ALL[step], answered(**changed).values, facts(tmp_path))
    assert [problem.key for problem in found] == [key]
    assert words in found[0].sentence


def test_too_few_rows_turn_the_verdict_at_the_data_step(tmp_path: Path) -> None:
    read = facts(tmp_path)
    rows = (tmp_path / "rows" / "train.jsonl").read_text().splitlines(keepends=True)
    (tmp_path / "few.jsonl").write_text("".join(rows[:40]))
    found = problems(ALL["data"], answered(data__train="few.jsonl").values, read)
    assert "40 examples are too few: at least 100 are needed." in found[0].sentence


def test_the_demo_s_answers_pass_data_model_and_machine(tmp_path: Path) -> None:
    read, values = facts(tmp_path), answered().values
    assert [problems(ALL[step], values, read) for step in STEPS[:4]] == [()] * 4


def test_a_classification_is_confirmed(tmp_path: Path) -> None:
    read = facts(tmp_path)
    as_csv(tmp_path / "rows.csv", ("text", "label"), pairs())
    values = dict(answered(data__train="rows.csv", data__test="").values)
    (found,) = problems(ALL["data"], values, read)
    assert found.key == "data.format"
    assert found.sentence == (
        "A classification: the texts are in `text`, and `label` has 15 different labels. "
        "To accept that, choose `classification`."
    )
    confirmed = values | {"data.format": "classification"}
    assert problems(ALL["data"], confirmed, read) == ()
    named = confirmed | {"data.prompt_column": "label", "data.completion_column": "text"}
    (found,) = problems(ALL["data"], named, Facts(tmp_path))
    assert "different values in `text`, too many for labels" in found.sentence


def test_header_steps_and_footer_fit_the_design_size() -> None:
    draft = answer(passing(passing(passing(answered()))), "data.system", "Be brief.")
    header = lines.header(passing(draft), 80, ssh=True)
    assert len(header) == 80
    assert header.startswith(" tunelock · support-bot  ")
    assert header.endswith("  5 of 7 · Method  ssh ")
    assert lines.steps(draft)[:4] == [" ✓ Goal", " ✓ Data", " ✓ Model", " ▸ Machine"]
    assert len(keys.footer()) <= 80


def test_a_stale_step_is_marked_in_words() -> None:
    draft = passing(passing(passing(passing(answered()))))
    listed = lines.steps(answer(draft, "data.system", "Be brief."))
    assert " ! Machine stale" in listed


@pytest.mark.parametrize("width", [1, 12, 40, 58, 98])
def test_a_row_keeps_to_its_width_and_shows_cursor_and_answer(width: int) -> None:
    values = answered(data__train="a/very/long/folder/of/rows/train.jsonl").values
    row = lines.row(BY_KEY["data.train"], values, width, here=True)
    assert row.startswith("▸ •")
    assert len(row) <= max(width, 18)
    if width >= 40:
        assert row.endswith("train.jsonl")


def test_a_bar_fills_by_parts() -> None:
    assert lines.bar([25, 25], 100, 20) == "█" * 5 + "▓" * 5 + "░" * 10
    assert lines.bar([300], 100, 10) == "█" * 10


def test_every_key_has_an_id_a_tooltip_and_no_chord() -> None:
    ids = [key.id for key in keys.KEYS]
    assert len(set(ids)) == len(ids)
    assert all(key.tooltip.endswith(".") for key in keys.KEYS)
    assert not any("ctrl" in key.keys or "alt" in key.keys for key in keys.KEYS)


def test_a_command_is_found_by_the_beginning_of_its_name() -> None:
    found = keys.find("rev")
    assert found is not None and found.id == "review"
    assert keys.find("") is None and keys.find("b ") == keys.find("back")
    assert keys.find("m") is None
