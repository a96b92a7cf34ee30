"""The plain lines: what each event says, and how often."""

import pytest

from tests.tui.snapshot.test_snapshot import BEGUN, Told, events, step
from tui.snapshot import empty, fold
from tui.snapshot.narrator import Narrator, clean, duration, lines, rate

FIGURES = {
    "loss": 0.4123, "learning_rate": 1.6e-3, "tokens_per_second": 1234.4,
    "peak_bytes": 710_000_000, "predicted_bytes": 740_000_000, "eta_seconds": 125.0,
}  # fmt: skip


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def told(*before: Told) -> list[str]:
    """The lines of the last event."""
    all_of_them = events(*before)
    return lines(all_of_them[-1], fold(empty("demo"), all_of_them))


def test_a_step_says_all_that_is_known() -> None:
    assert told(*BEGUN, step(4, **FIGURES)) == [
        "train  step 4/10  loss 0.412  lr 1.6e-3  1,234 tok/s  peak 0.66 of 0.69 GiB  2 min left"
    ]
    assert told(("train", "step", {"step": 4})) == ["train  step 4"]
    assert told(("train", "step", {})) == []


@pytest.mark.parametrize(
    ("stage", "kind", "fields", "line"),
    [
        ("run", "started", {"stages": ["a", "b"]}, "run  stages: a, b"),
        (
            "prepare", "progress",
            {"what": "encoding", "done": 100, "total": 1500, "unit": "rows"},
            "prepare  encoding 100 of 1,500 rows",
        ),
        (
            "prepare", "progress",
            {"what": "downloading", "done": 7.1e8, "total": 3.09e9, "unit": "bytes"},
            "prepare  downloading 710.0 MB of 3.09 GB",
        ),
        ("train", "done", {"seconds": 90}, "train  done in 90 s"),
        ("train", "evaluation", {"loss": 0.5, "step": 3}, "train  evaluation  loss 0.500"),
        (
            "evaluate", "evaluation",
            {"model": "tuned", "loss": 0.2, "accuracy": 0.925, "rows": 300},
            "evaluate  evaluation  tuned model  accuracy 92.5 %  loss 0.200  300 rows",
        ),
        ("train", "checkpoint", {"step": 40}, "train  checkpoint at step 40"),
        ("train", "warning", {"text": "slow\r\x1b[2J"}, "train  warning: slow\\r\\x1b[2J"),
        (
            "gguf", "artifact", {"what": "q8_0", "path": "m.gguf", "size_bytes": 4_123_456},
            "gguf  q8_0: m.gguf  4.1 MB",
        ),
    ],
)  # fmt: skip
def test_each_kind_is_one_line(stage: str, kind: str, fields: dict[str, object], line: str) -> None:
    assert told((stage, kind, fields)) == [line]


def test_a_failure_says_what_to_do() -> None:
    failure = {"message": "The loss is NaN.", "hint": "plan again", "exit_code": 1}
    assert told(*BEGUN, ("train", "failed", failure)) == [
        "train  failed: The loss is NaN.",
        "       hint: plan again",
    ]
    assert told(("run", "failed", {"exit_code": 75})) == ["run  stopped: no reason given"]


def test_steps_come_once_a_second_and_the_last_one_always() -> None:
    clock = Clock()
    narrator = Narrator(empty("demo"), clock=clock)
    shown: list[str] = []
    for number in range(1, 11):
        shown += narrator.narrate(events(step(number)))
        clock.now += 0.25
    assert [line.split()[2] for line in shown] == ["1/10", "5/10", "9/10"]
    assert narrator.narrate(events(("train", "done", {"seconds": 3}))) == [
        "train  step 10/10  loss 0.100",
        "train  done in 3.0 s",
    ]


def test_a_backlog_is_told_in_order_with_the_last_step_of_many() -> None:
    narrator = Narrator(empty("demo"), clock=Clock())
    backlog = [*BEGUN, *(step(n) for n in range(1, 8)), ("train", "checkpoint", {"step": 7})]
    assert narrator.narrate(events(*backlog)) == [
        "run  stages: prepare, train, evaluate",
        "prepare  started",
        "prepare  done in 1.5 s",
        "train  started",
        "train  step 7/10  loss 0.143",
        "train  checkpoint at step 7",
    ]
    assert narrator.flush() == []


def test_units() -> None:
    assert [duration(value) for value in (0.0, 45, 125, 11_160, 207_360, float("nan"))] == [
        "0.0 s", "45 s", "2 min", "3.1 h", "2.4 d", "?"
    ]  # fmt: skip
    assert [rate(value) for value in (1.6e-3, 2e-5, 1.0, 0.0)] == ["1.6e-3", "2.0e-5", "1.0e0", "0"]


def test_text_from_a_model_cannot_steer_the_terminal() -> None:
    assert clean("a\x1b]0;x\x07b\nc\u202ed") == r"a\x1b]0;x\x07b\nc\u202ed"
    assert len(clean("é" * 1000)) == 200
