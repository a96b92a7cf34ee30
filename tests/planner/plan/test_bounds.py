"""Whatever a person answers within the questions' bounds: a lock that can be read, or a reason."""

import random
from pathlib import Path
from typing import Any

import pytest

from lockfiles import lock
from lockfiles.errors import DoesNotFit, TunelockError, UsageProblem
from planner.interview.answers import check
from planner.interview.questions import QUESTIONS
from planner.machines.facts import Gpu, MachineFacts
from planner.plan.gather import PlanFacts, gather
from planner.plan.plan import plan
from planner.questions.question import Between, Question, always, normal
from runner.demo import files
from tests.few import few
from tests.planned import GIB, MACHINE, answers, few_rows

CARD = MachineFacts(
    "cuda", (Gpu("NVIDIA L4", 24 * GIB, 23 * GIB, "8.9"),), 8, 64 * GIB, 60 * GIB, 100 * GIB, "550"
)
TEXTS = ("x", "a b", "ä" * 50, "x" * 200, "s" * 1000, "1" * 16_000, "a\nb")
FIXED = ("data.", "model.", "machine.facts", "train.epochs", "goal.prompting")
DRAWS = 30


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return few_rows(tmp_path_factory.mktemp("bounds"))


@pytest.fixture(scope="module", params=[MACHINE, CARD], ids=["cpu", "card"])
def facts(folder: Path, request: pytest.FixtureRequest) -> PlanFacts:
    made = answers(machine__device="auto")
    return gather(made, folder, machine=request.param)


def drawn(question: Question, draw: random.Random) -> object:
    """Return an extreme answer to a question."""
    if question.kind == "boolean":
        return draw.random() < 0.5
    if question.choices:
        picked = draw.sample(question.choices, draw.randint(1, len(question.choices)))
        return picked if question.kind == "choices" else picked[0]
    if isinstance(question.validate, Between):
        rule = question.validate
        value = draw.choice((rule.low, rule.high, rule.low + (rule.high - rule.low) / 7))
        return int(value) if question.kind == "integer" else value
    if question.kind == "names":
        return draw.choice(((), ["q_proj"], ["q_proj", "v_proj"], ["nothing"]))
    return draw.choice((*TEXTS, "ana/tuned", question.default))


def some(draw: random.Random) -> dict[str, Any]:
    """Return a few extreme answers beside the demo's."""
    asked = [one for one in QUESTIONS if not one.key.startswith(FIXED)]
    made: dict[str, Any] = dict(files.ANSWERS) | {"machine.device": "auto", "train.exact": False}
    for question in draw.sample(asked, draw.randint(1, 6)):
        try:
            made[question.key] = normal(question, drawn(question, draw))
        except ValueError:
            continue
    return made


def test_no_answers_make_a_lock_that_cannot_be_read(facts: PlanFacts) -> None:
    draw, made = random.Random(7), 0
    for _ in range(DRAWS):
        try:
            planned = plan(check(some(draw), {}), facts)
        except TunelockError as problem:
            assert "cannot be written as a lock" not in problem.message, problem.message
            continue
        assert lock.parse(lock.write(planned)) == planned
        made += 1
    assert made > DRAWS / 3


@pytest.mark.parametrize("high", [False, True])
@pytest.mark.parametrize(
    "question",
    few(
        one
        for one in QUESTIONS
        if isinstance(one.validate, Between) and one.applies is always
        if one.key != "train.max_length"  # the demo's model sees fewer tokens
    ),
    ids=lambda one: one.key,
)
def test_each_number_at_its_bounds_has_a_lock(folder: Path, question: Question, high: bool) -> None:
    bounds = question.validate
    assert isinstance(bounds, Between)
    value = bounds.high if high else bounds.low
    asked = files.ANSWERS | {question.key: int(value) if question.kind == "integer" else value}
    made = check(asked | {"train.exact": False}, {})
    try:
        planned = plan(made, gather(made, folder, machine=MACHINE))
    except (DoesNotFit, UsageProblem) as problem:
        assert "cannot be written as a lock" not in problem.message
    else:
        assert lock.parse(lock.write(planned)) == planned


@pytest.mark.parametrize("name", ["\x1b[2J", "\u202eevil", "x" * 300, ""])
def test_what_a_machine_says_of_itself_is_no_less_foreign(folder: Path, name: str) -> None:
    card = MachineFacts(
        "cuda", (Gpu(name, 24 * GIB, 23 * GIB, "8.9"),), 8, 64 * GIB, 60 * GIB, 100 * GIB, "550"
    )
    made = answers(machine__device="auto", train__exact=False)
    with pytest.raises(UsageProblem, match="This plan cannot be written as a lock: `machine"):
        plan(made, gather(made, folder, machine=card))
