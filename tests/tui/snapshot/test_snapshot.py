"""Events folded into a snapshot: whole runs, resumed ones, and events that say nothing known."""

from itertools import pairwise
from typing import Any

from runner.runs.events import Event
from tui.snapshot import CURVE_POINTS, Curve, Snapshot, empty, fold
from tui.snapshot.summary import summary

Told = tuple[str, str, dict[str, Any]]

STAGES = ["prepare", "train", "evaluate"]
BEGUN: list[Told] = [
    ("run", "started", {"stages": STAGES}),
    ("prepare", "started", {}),
    ("prepare", "done", {"seconds": 1.5}),
    ("train", "started", {}),
]


def step(number: int, **fields: Any) -> Told:
    return ("train", "step", {"step": number, "steps": 10, "loss": 1 / number, **fields})


def events(*told: Told) -> list[Event]:
    return [Event(seq, 100.0 + seq, *one) for seq, one in enumerate(told)]


def folded(*told: Told) -> Snapshot:
    return fold(empty("demo"), events(*told))


def states(snapshot: Snapshot) -> list[str]:
    return [stage.state for stage in snapshot.stages]


def test_a_run_from_its_first_event_to_its_last() -> None:
    assert empty("demo").exit_code == 75
    under_way = folded(*BEGUN, step(1, peak_bytes=20), step(2, peak_bytes=10, eta_seconds=8.0))
    assert states(under_way) == ["done", "running", "waiting"]
    assert (under_way.step, under_way.steps, under_way.loss) == (2, 10, 0.5)
    assert under_way.losses.points == ((1, 1.0), (2, 0.5))
    assert (under_way.peak_bytes, under_way.eta_seconds) == (20, 8.0)
    assert under_way.current is not None
    assert under_way.seconds(under_way.current) == 2.0
    done = fold(
        under_way,
        events(
            ("train", "done", {"seconds": 3}),
            ("evaluate", "evaluation", {"model": "base", "accuracy": 0.1, "loss": 3.0}),
            ("evaluate", "evaluation", {"model": "tuned", "accuracy": 0.9, "loss": 0.2}),
            ("evaluate", "artifact", {"what": "adapter", "path": "a", "size_bytes": 5}),
            ("run", "done", {"seconds": 9}),
        ),
    )
    assert (done.finished, done.exit_code, done.eta_seconds) == (True, 0, None)
    assert states(done) == ["done", "done", "done"]
    assert (done.accuracy_base, done.accuracy_tuned) == (0.1, 0.9)
    assert done.evaluations.points == ()
    assert done.artifacts[0].size_bytes == 5


def test_a_stage_that_fails_gives_the_run_its_reason() -> None:
    failure = {"message": "no room", "hint": "df -h", "exit_code": 4}
    failed = folded(*BEGUN, ("train", "failed", failure), ("run", "failed", {"exit_code": 4}))
    assert states(failed) == ["done", "failed", "waiting"]
    assert failed.failure is not None
    assert (failed.failure.stage, failed.failure.message, failed.failure.hint) == (
        "train", "no room", "df -h"
    )  # fmt: skip
    assert (failed.finished, failed.exit_code) == (True, 4)


def test_a_stage_that_was_killed_is_named_by_the_supervisor_alone() -> None:
    killed = folded(*BEGUN, ("run", "failed", {"message": "ended by SIGKILL", "exit_code": 1}))
    assert states(killed) == ["done", "failed", "waiting"]


def test_a_stopped_run_goes_on_where_it_was() -> None:
    stop: Told = ("run", "failed", {"message": "stopped", "exit_code": 75})
    stopped = folded(*BEGUN, *(step(n) for n in range(1, 7)), stop)
    assert states(stopped) == ["done", "stopped", "waiting"]
    assert stopped.exit_code == 75
    again = fold(stopped, events(BEGUN[0], BEGUN[3], step(4), step(5)))
    assert states(again) == ["done", "running", "waiting"]
    assert [number for number, _ in again.losses.points] == [1, 2, 3, 4, 5]
    assert (again.step, again.failure, again.finished) == (5, None, False)


def test_a_run_that_resumes_says_so_until_its_first_step() -> None:
    stop: Told = ("run", "failed", {"message": "stopped", "exit_code": 75})
    checkpoint: Told = ("train", "checkpoint", {"step": 6})
    told = [*BEGUN, step(6, loss=0.5, tokens_per_second=9.0), checkpoint, stop]
    resumed = folded(*told, BEGUN[0], BEGUN[3])
    began = resumed.last_time
    assert began is not None
    assert (resumed.step, resumed.loss, resumed.checkpoint) == (None, None, 6)
    assert "▸ train     running  4.0 s  starting" in _line(resumed, began + 4)
    what = "resuming from step 6: loading the model"
    loading: Told = ("train", "progress", {"what": what, "done": 0, "total": 1, "unit": "models"})
    assert _line(fold(resumed, events(loading)), began + 4).endswith(f"4.0 s  {what}")
    after = fold(resumed, events(loading, step(7)))
    assert "step 7" in _line(after, began + 4) and "resuming" not in _line(after, began + 4)


def _line(snapshot: Snapshot, now: float) -> str:
    return next(one for one in summary(snapshot, "running", now=now) if "train" in one)


def test_a_stage_done_again_makes_those_after_it_wait() -> None:
    whole = folded(*BEGUN, ("train", "done", {"seconds": 3}), ("run", "done", {}))
    again = fold(whole, events(BEGUN[0], BEGUN[1]))
    assert states(again) == ["running", "waiting", "waiting"]


def test_a_run_begun_anew_shows_nothing_of_the_last_one() -> None:
    told = ("evaluate", "evaluation", {"model": "tuned", "accuracy": 0.9})
    whole = folded(*BEGUN, step(9, peak_bytes=7), ("train", "done", {"seconds": 3}), told)
    anew = fold(whole, events(BEGUN[0], BEGUN[1]))
    assert (anew.step, anew.losses.points, anew.accuracy_tuned, anew.peak_bytes) == (
        None, (), None, None,
    )  # fmt: skip
    evaluated = fold(whole, events(BEGUN[0], ("evaluate", "started", {})))
    assert (evaluated.step, evaluated.peak_bytes) == (9, 7)


def test_what_is_not_known_changes_nothing() -> None:
    known = folded(*BEGUN, step(1))
    strange: list[Told] = [
        ("train", "telepathy", {"step": 9}),
        ("run", "step", {"step": 9}),
        ("train", "step", {}),
        ("train", "step", {"step": None, "loss": "low"}),
        ("train", "step", {"step": float("inf")}),
        ("train", "evaluation", {"loss": None}),
        ("train", "progress", {"what": "hashing"}),
        ("train", "checkpoint", {}),
    ]
    for one in strange:
        after = fold(known, [Event(9, 104.0, *one)])
        assert after == known, one
    assert folded(("run", "started", {"stages": 3}), ("run", "failed", {})).exit_code == 1


def test_a_loss_that_is_no_number_is_kept() -> None:
    after = folded(*BEGUN, step(1, loss=float("nan")))
    assert after.loss is not None and after.loss != after.loss


def test_a_long_curve_is_thinned_evenly() -> None:
    curve = Curve()
    for number in range(1, 20_001):
        curve = curve.add(number, float(number))
    steps = [number for number, _ in curve.points]
    assert CURVE_POINTS / 2 <= len(steps) <= CURVE_POINTS
    assert {b - a for a, b in pairwise(steps)} == {curve.stride}
    assert (steps[0], curve.count) == (1, 20_000)


def test_only_the_last_samples_and_warnings_are_kept() -> None:
    many = folded(
        *(("train", "sample", {"prompt": str(n), "answer": 3}) for n in range(50)),
        *(("train", "warning", {"text": str(n)}) for n in range(50)),
    )
    assert many.samples[-1].prompt == "49"
    assert many.samples[-1].answer == ""
    assert many.warnings[-1] == "49"
    assert len(many.samples) < 10 and len(many.warnings) < 30
