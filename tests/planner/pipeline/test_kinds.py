"""Each kind of stage brings its own questions; one more needs no other file to be changed."""

import json
import subprocess
from pathlib import Path

import pytest

from lockfiles.stage_kinds import NAMES
from lockfiles.stage_kinds.registry import KINDS
from planner.interview.questions import QUESTIONS, gathered
from planner.pipeline.kind import of_kind
from planner.questions.question import Question
from tests.programs import command


def _question(key: str) -> Question:
    return Question(key, "results", "boolean", "Title", "Help.", False)


def test_questions_come_by_table_and_in_a_table_by_group() -> None:
    first = [_question("goal.a"), _question("results.a"), _question("results.b")]
    second = [_question("results.aa"), _question("goal.b")]
    keys = [question.key for question in gathered(first, second)]
    assert keys == ["goal.a", "goal.b", "results.a", "results.b", "results.aa"]


def test_every_question_of_the_results_is_of_a_kind() -> None:
    of_kinds = [question for name in NAMES for question in of_kind(name).questions]
    assert of_kinds == [question for question in QUESTIONS if question.table == "results"]


@pytest.mark.parametrize("name", NAMES)
def test_a_lock_knows_the_questions_of_a_kind(name: str) -> None:
    record = of_kind(name)
    assert KINDS[name].answers == tuple(question.key for question in record.questions)
    assert bool(record.skip) == bool(record.questions)
    assert not KINDS[name].packages or "packages" in record.tables
    assert record.title or not record.families
    if record.skip:
        assert record.skip.key in KINDS[name].answers


def test_a_kind_that_is_added_is_asked_planned_and_locked(tmp_path: Path) -> None:
    done = subprocess.run(command("toy_kind", tmp_path), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    known = [question.key for question in QUESTIONS]
    assert seen["keys"] == [*known, "results.tally"]
    assert seen["asked"] == [*(key for key in known if key.startswith("results.")), "results.tally"]
    assert seen["schema"] == [key.partition(".")[2] for key in seen["asked"]]
    assert seen["reads back"] and seen["same lock"]
    stages = ["prepare", "train", "evaluate", "merge", "gguf"]
    assert seen["stages"] == {"none": [*stages, "report"], "all": [*stages, "tally", "report"]}
    assert seen["inputs"] == ["merge"]
    assert set(seen["packages"]["all"]) - set(seen["packages"]["none"]) == {"pydantic"}
    assert seen["disk"][1] - seen["disk"][0] == 7
    assert seen["changed"] == ["report"]
    assert "tally       a number of files" in seen["panel"]
    assert "GGUF q4_k_m" in seen["panel"] and "list" in seen["panel"]
