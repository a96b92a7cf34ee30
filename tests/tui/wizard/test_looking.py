"""The data looked at beside the screen: the report, the rows behind it, and the X-ray."""

import json
from pathlib import Path

import pytest

from tests.few import few
from tests.planner.data.reading.labelled_rows import as_csv, pairs
from tests.tui.wizard.pilot import Run, until, until_text
from tests.tui.wizard.samples import answered, lay_out
from tui.session import store
from tui.session.draft import Draft, passing
from tui.session.request import data_request
from tui.wizard import child as children
from tui.wizard.shell import Wizard

_SIZE = (80, 24)
_CLOSER = "Show findings"


def at_data(**changed: object) -> Draft:
    """Return the demo's answers at the Data step."""
    return passing(answered(**changed))


def wizard(folder: Path, draft: Draft) -> Wizard:
    return Wizard(folder, "run.toml", draft, None)


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the names of the processes that are started from now on."""
    names: list[str] = []
    start = children.Child.__init__

    def noted(self: children.Child, work: str, first: object) -> None:
        names.append(work)
        start(self, work, first)

    monkeypatch.setattr(children.Child, "__init__", noted)
    return names


async def move_to(run: Run, beginning: str) -> None:
    """Move the cursor up to the row that begins so."""
    for _ in range(20):
        if any("▸" in line and beginning in line for line in screen(run).splitlines()):
            return
        await run.press("up")
    raise AssertionError(screen(run))


def screen(run: Run) -> str:
    from tests.tui.wizard.pilot import painted

    assert isinstance(run.app, Wizard)
    return painted(run.app)


async def test_a_classification_is_accepted_with_one_key(tmp_path: Path) -> None:
    as_csv(lay_out(tmp_path) / "rows.csv", ("text", "label"), pairs())
    draft = at_data(data__train="rows.csv", data__test="")
    async with wizard(tmp_path, draft).run_test(size=_SIZE) as run:
        seen = await until_text(run, "Yes, read the rows as a classification")
        assert "15 in `label`, of the texts in `text`" in seen
        assert "Classify the text. Reply with" in seen
        await move_to(run, "Yes, read the rows")
        await run.press("enter")
        await until(run, lambda screen: "Yes, read the rows" not in screen)
        await until_text(run, "format classification")
        assert isinstance(run.app, Wizard)
        assert run.app.draft.values["data.format"] == "classification"
        await run.press("n")
        await until_text(run, "3 of 7")


async def test_findings_are_told_one_by_one_and_their_rows_shown(tmp_path: Path) -> None:
    async with wizard(lay_out(tmp_path), at_data()).run_test(size=_SIZE) as run:
        await until_text(run, _CLOSER)
        await move_to(run, _CLOSER)
        await run.press("enter")
        shown = await until_text(run, "│ 7 of 750 rows nearly repeat")
        assert "▸ ! warning  near-duplicates       7 rows" in shown
        assert "  · note     too-few               entire file" in shown
        await run.press("enter")
        shown = await until_text(run, "row 111 (train.jsonl, line 112)")
        assert "7 of 7 rows, counted from 0:" in shown and "user      │ " in shown
        assert "Rows: near-duplicates" in shown
        await run.press("escape", "down")
        await until_text(run, "│ `rows/test.jsonl`: 1 of 450 rows is also")
        await run.press("enter")
        shown = await until_text(run, "row 20 (test.jsonl, line 21)")
        await run.press("escape", "down", "enter")
        await until_text(run, "not about single rows")
        await run.press("escape")
        await until_text(run, f"▸   {_CLOSER}")


async def test_a_finding_is_mended_by_an_answer_and_left_again(
    tmp_path: Path, started: list[str]
) -> None:
    app = wizard(lay_out(tmp_path), at_data())

    def dropped() -> object:
        return app.draft.values["data.drop"]

    async with app.run_test(size=_SIZE) as run:
        await until_text(run, _CLOSER)
        await move_to(run, _CLOSER)
        await run.press("enter")
        await until_text(run, "f fixes it: copies and near copies")
        await run.press("f")
        shown = await until_text(run, "▸ ✓ mended   near-duplicates       7 rows")
        assert "Will be fixed: copies and near copies are removed." in shown
        assert app.draft.values["data.dedupe"] == "near"
        await run.press("down", "f")
        await until_text(run, "▸ ✓ mended   leak")
        assert dropped() == ("leak",)
        await run.press("f")
        await until_text(run, "▸ ! warning  leak")
        assert dropped() == ()
        await run.press("down", "down", "f")
        await until_text(run, "No setting fixes this")
        await run.press("escape")
        await until_text(run, "✓ mended   near-duplicates")
        await until_text(run, f"▸   {_CLOSER}")
        assert started == ["report"]
    kept = store.restore(tmp_path, "run.toml")
    assert kept is not None and kept.values["data.dedupe"] == "near"


async def test_a_report_is_made_once_for_equal_answers_and_an_unchanged_file(
    tmp_path: Path, started: list[str]
) -> None:
    app = wizard(lay_out(tmp_path), at_data())
    async with app.run_test(size=_SIZE) as run:
        await until_text(run, _CLOSER)
        await run.press("b")
        await until_text(run, "1 of 7 · Goal")
        await run.press("2")
        await until_text(run, _CLOSER)
        assert started == ["report"]
        file = tmp_path / "rows" / "train.jsonl"
        file.write_text("".join(file.read_text().splitlines(keepends=True)[:300]))
        await run.press("b", "2")
        await until_text(run, "300 rows · format messages")
        assert started == ["report"] * 2


async def test_a_changed_answer_makes_the_report_anew_and_a_left_step_ends_it(
    tmp_path: Path, started: list[str]
) -> None:
    app = wizard(lay_out(tmp_path), at_data(data__test=""))
    async with app.run_test(size=_SIZE) as run:
        await until_text(run, _CLOSER)
        await run.press("down", "down", "enter", *"rows/test.jsonl", "enter")
        await until_text(run, "test        450 rows")
        assert started == ["report"] * 2
        await run.press("down", "enter", "b")
        await until_text(run, "1 of 7 · Goal")
        assert not [worker for worker in app.workers if worker.group == "report"]


async def test_an_unreadable_file_says_its_one_error_in_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (lay_out(tmp_path) / "broken.jsonl").write_text('{"messages": [}\n')
    draft = at_data(data__train="broken.jsonl", data__test="")
    async with wizard(tmp_path, draft).run_test(size=_SIZE) as run:
        shown = await until_text(run, "`broken.jsonl` line 1 is not valid JSON")
        assert shown.count("Hint:") == 1 and _CLOSER not in shown


async def test_a_row_is_seen_as_training_sees_it_and_the_next_and_any(tmp_path: Path) -> None:
    app = wizard(lay_out(tmp_path), at_data())
    async with app.run_test(size=_SIZE) as run:
        await run.press("x")
        shown = await until_text(run, "SCORED │ lost_luggage<|im_end|>")
        assert "row 0 (train.jsonl, line 1): " in shown and " of them scored" in shown
        assert "-      │ <|im_start|>system⏎" in shown
        await run.press("right")
        await until_text(run, "row 1 (train.jsonl")
        await run.press("left", "left")
        await until_text(run, "row 0 (train.jsonl")
        await run.press("g", *"749", "enter")
        await until_text(run, "row 749 (train.jsonl")
        await run.press("right")
        await until_text(run, "There is no row 750; the last row is 749.")
        await until_text(run, "row 749 (train.jsonl")
        await run.press("g", *"1x", "enter")
        await until_text(run, "Enter the number of a row; the first row is 0.")
        await run.press("escape", "escape")
        await until_text(run, "▸ • Training examples")
        await until(run, lambda screen: app._rows is None)


async def test_without_a_model_there_is_no_x_ray_and_the_reason_is_said(tmp_path: Path) -> None:
    async with wizard(lay_out(tmp_path), at_data(model__source="")).run_test(size=_SIZE) as run:
        shown = await until_text(run, _CLOSER)
        assert "characters, median" in shown and "as training sees it" not in shown
        await run.press("x")
        await until_text(run, "This needs a model and training rows")


async def test_redacted_and_cut_rows_are_seen_as_training_sees_them(tmp_path: Path) -> None:
    said = [
        {"role": "user", "content": "I am ann.smith@example.com, 我的行李丢了" + "怎么办呢" * 9},
        {"role": "assistant", "content": "lost_luggage"},
    ]
    (lay_out(tmp_path) / "one.jsonl").write_text(json.dumps({"messages": said}) + "\n")
    one = {"data__train": "one.jsonl", "data__test": "", "data__redact": True}
    async with wizard(tmp_path, at_data(**one)).run_test(size=_SIZE) as run:
        await run.press("x")
        shown = await until_text(run, "SCORED │ lost_luggage<|im_end|>")
        assert "[EMAIL]" in shown and "ann.smith" not in shown
        assert shown.count("办") == 9
    draft = at_data(**one, train__max_length=32)
    async with wizard(tmp_path, draft).run_test(size=_SIZE) as run:
        await run.press("x")
        shown = await until_text(run, "Truncated to the first 32 of its")
        assert "32 tokens, 0 of them" in shown and "SCORED" not in shown
        assert "[EMAIL]" in shown and shown.count("的") == 1


@pytest.mark.parametrize(
    ("template", "words"),
    few(
        [
            ("{{ messages[0].nothing.more }}", "Hint:"),
            ("{% for m in messages %}{% endfor %}", "Hint:"),
        ]
    ),
)
async def test_a_row_that_training_refuses_says_one_sentence_and_a_hint(
    tmp_path: Path, template: str, words: str
) -> None:
    (lay_out(tmp_path) / "own.jinja").write_text(template)
    draft = at_data(model__template="own.jinja")
    async with wizard(tmp_path, draft).run_test(size=_SIZE) as run:
        await run.press("x")
        shown = await until_text(run, words)
        assert "row 0" in shown and "SCORED" not in shown


async def test_what_would_steer_the_terminal_is_shown_and_not_sent(tmp_path: Path) -> None:
    said = [{"role": "user", "content": "a\x1b[2Jb"}, {"role": "assistant", "content": "c"}]
    (lay_out(tmp_path) / "odd.jsonl").write_text(json.dumps({"messages": said}) + "\n")
    draft = at_data(data__train="odd.jsonl", data__test="", data__system="Be brief.")
    async with wizard(tmp_path, draft).run_test(size=_SIZE) as run:
        await until_text(run, _CLOSER)
        await run.press("x")
        shown = await until_text(run, r"a\x1b[2Jb")
        assert "\x1b" not in shown and "Be brief." in shown


async def test_columns_are_chosen_from_those_of_the_file_with_the_rows_beside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    rows = "".join(f"{number},why {number}?,as {number}\n" for number in range(5))
    (lay_out(tmp_path) / "asked.csv").write_text("id,asked,told\n" + rows)
    app = wizard(tmp_path, at_data(data__train="asked.csv", data__test=""))
    async with app.run_test(size=_SIZE) as run:
        shown = await until_text(run, "which match no format. Hint:")
        assert "--prompt-column" not in shown
        await run.press("down", "down", "down", "left")
        await until_text(run, "row 0  prompt  choose a column below")
        await run.press("down")
        await until_text(run, "[id · asked · told]")
        await run.press("right", "right")
        await until_text(run, "row 2  prompt  why 2?")
        await run.press("down", "left")
        shown = await until_text(run, "answer  as 2")
        assert app.draft.values["data.prompt_column"] == "asked"
        assert app.draft.values["data.completion_column"] == "told"
        await run.press("f")
        shown = await until_text(run, "train       5 rows · format columns")
        assert "✗ refused  too-few" in shown


async def test_the_model_step_offers_a_row_as_training_sees_it(tmp_path: Path) -> None:
    app = wizard(lay_out(tmp_path), passing(at_data()))
    async with app.run_test(size=_SIZE) as run:
        await until_text(run, "Template    ")
        await run.press("up", "down", "down", "down", "enter")
        await until_text(run, "SCORED │ lost_luggage<|im_end|>")
        await run.press("escape")
        await until_text(run, "3 of 7 · Model")


async def test_a_process_that_dies_is_told_with_the_command_that_does_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended: list[children.Child] = []
    start = children.Child.__init__

    def dying(self: children.Child, work: str, first: object) -> None:
        start(self, work, first)
        self.end()
        ended.append(self)

    monkeypatch.setattr(children.Child, "__init__", dying)
    async with wizard(lay_out(tmp_path), at_data()).run_test(size=_SIZE) as run:
        shown = await until_text(run, "stopped because of an internal")
        assert "Hint: tunelock data rows/train.jsonl." in shown and ended
        assert "test        rows/test.jsonl" in shown


def test_a_process_ends_in_the_middle_of_its_work_when_the_screen_is_gone(tmp_path: Path) -> None:
    child = children.Child("report", data_request(at_data().values, lay_out(tmp_path)))
    assert child._process.stdin
    child._process.stdin.close()
    assert child._process.wait(20) == 1
    child.end()
