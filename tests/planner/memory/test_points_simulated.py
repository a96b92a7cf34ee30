"""Plans that ran on simulated cards, and larger ones that did not.

`simulated.jsonl` is what `python -m tests.gpu.simulated` wrote on one card, of each trial
the last line. Two plans ran as the next larger ones before the budget's reserve became smaller;
they are the chosen ones now, and stand there as such.
"""

from pathlib import Path

from planner.fit import models
from planner.memory import estimate
from tests.gpu.lines import Line, lines, profile_of, ran, ran_out
from tests.gpu.simulated import questions

FILE = Path(__file__).parents[2] / "data" / "points" / "simulated.jsonl"
LINES = lines(FILE)
LEAST = 40
"""Chosen plans that were measured so far."""


def _which(which: str) -> list[Line]:
    return [line for line in LINES if line["which"] == which]


def test_every_chosen_plan_ran_and_the_process_kept_to_its_card() -> None:
    chosen = _which("chosen")
    assert len(chosen) >= LEAST
    assert len({line["gib"] for line in chosen}) == 7
    assert [line["name"] for line in chosen if not ran(line)] == []
    assert all(len(line["measured"]["step_seconds"]) >= 3 for line in chosen)
    over = [line for line in chosen if line["measured"]["process_bytes"] > line["cap_bytes"]]
    assert [line["name"] for line in over] == []


def test_what_is_chosen_today_ran() -> None:
    asked = {line["question"] for line in _which("chosen")}
    todays = {q.name: q.request.best(q.method).profile for q in questions() if q.name in asked}
    for name, profile in todays.items():
        measured = [line for line in LINES if line["question"] == name and ran(line)]
        assert profile in [profile_of(line) for line in measured], name


def test_the_next_larger_micro_batch_ran_out_nine_times_in_ten() -> None:
    larger = _which("next")
    assert len(larger) >= 30
    assert sum(map(ran_out, larger)) >= 0.9 * len(larger)


def test_the_peaks_of_what_ran_are_met() -> None:
    errors = [_error(line) for line in filter(ran, LINES)]
    assert sum(map(abs, errors)) / len(errors) <= 0.03
    assert min(errors) >= -0.02 and max(errors) <= 0.1


def _error(line: Line) -> float:
    needed = estimate(models.find(line["model"]), profile_of(line)).peak.peak_bytes
    return float(needed / line["measured"]["allocated_bytes"] - 1)
