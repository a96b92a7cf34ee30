"""A step of so many tokens: the rows that come nearest, and what is said of them."""

from dataclasses import replace
from pathlib import Path

import pytest

from lockfiles import lock as locks
from lockfiles.errors import UsageProblem
from lockfiles.fixes import Answer
from planner.plan.gather import PlanFacts, gather
from planner.plan.plan import plan
from planner.search.effective_tokens import reason, with_rows
from planner.search.request import Request
from tests.planned import few_rows
from tests.planner.plan.test_plan import answers
from tests.planner.search.test_rehearsal import GPU_MACHINE, ON_CARD

ASKED = Request(
    longest=500, rank=8, targets=("q_proj",), dropout=0.0, rows=100, tokens=20_000,
    effective_tokens=4100,
)  # fmt: skip


MOST = 10_000_000


@pytest.mark.parametrize(
    ("changes", "laid", "micro"),
    [
        ({}, 20, 20),  # of 200 tokens
        ({"effective_tokens": 4101}, 21, 20),
        ({"effective_tokens": 9400}, 47, 48),
        ({"effective_tokens": 8}, 1, 1),
        ({"effective_tokens": MOST}, 50_000, 49_152),
        ({"effective_tokens": MOST, "tokens": 2000}, 65536, 65536),
        ({"effective_tokens": 0}, 16, 16),
        ({"processes": 8}, 24, 24),
        ({"processes": 2, "micro_batch": 4}, 24, 24),
        ({"effective_tokens": 1, "processes": 2, "micro_batch": 4}, 8, 8),
        ({"effective_tokens": MOST, "micro_batch": 1000, "tokens": 2000}, 65000, 65000),
        ({"processes": 1024, "micro_batch": 1024}, 1024, 1024),
        ({"tokens": 0}, 8, 8),
        ({"tokens": 0, "objective": "dpo"}, 4, 4),
    ],
)
def test_a_step_has_the_rows_that_come_nearest(
    changes: dict[str, int], laid: int, micro: int
) -> None:
    asked = replace(ASKED, **changes)  # type: ignore[arg-type]
    assert with_rows(asked, concatenated=True).effective_batch == laid
    assert with_rows(asked, concatenated=False).effective_batch == micro


def test_rows_in_micro_batches_come_near_and_leave_a_choice() -> None:
    for rows in range(1, 2000):
        asked = replace(ASKED, effective_tokens=200 * rows)
        found = with_rows(asked, concatenated=False).effective_batch
        assert abs(found - rows) <= rows / 16
        assert rows < 20 or found % 2 == 0


def test_a_reason_names_the_rows_and_both_counts_of_tokens() -> None:
    said = reason(with_rows(ASKED, concatenated=True))
    assert said == "20 rows have about 4,000 tokens, nearest to 4,100."
    one = with_rows(replace(ASKED, effective_tokens=8), concatenated=True)
    assert reason(one) == "1 row has about 200 tokens, nearest to 8."
    two = reason(with_rows(ASKED, concatenated=False))
    assert two == "20 rows have about 4,000 tokens, nearest to 4,100 among multiples of 2."
    assert reason(replace(ASKED, effective_tokens=0)) == ""


@pytest.fixture(scope="module")
def facts(tmp_path_factory: pytest.TempPathFactory) -> PlanFacts:
    asked = answers(**ON_CARD)
    folder: Path = few_rows(tmp_path_factory.mktemp("tokens"))
    return gather(asked, folder, machine=GPU_MACHINE)


@pytest.mark.parametrize("changes", [{}, {"method__micro_batch": 2}, {"machine__device": "cpu"}])
def test_a_lock_holds_rows_and_says_why(facts: PlanFacts, changes: dict[str, object]) -> None:
    mean = facts.stream.tokens / facts.stream.rows
    wanted = round(8 * mean)
    lock = plan(answers(**ON_CARD | {"train__effective_tokens": wanted} | changes), facts)
    assert lock.train.micro_batch * lock.train.accumulation == 8
    said = f"8 rows have about {8 * mean:,.0f} tokens, nearest to {wanted:,}"
    assert said in lock.why["train.micro_batch"]
    assert lock.intent.origin["train.effective_tokens"] == "given"
    assert locks.parse(locks.write(lock)).training() == lock


def test_a_step_that_is_given_twice_is_refused(facts: PlanFacts) -> None:
    asked = answers(**ON_CARD, train__effective_batch=8, train__effective_tokens=900)
    with pytest.raises(UsageProblem, match=r"`train.effective_batch` and .* are both set") as found:
        plan(asked, facts)
    assert found.value.fix == (Answer("train.effective_tokens", 0),)
