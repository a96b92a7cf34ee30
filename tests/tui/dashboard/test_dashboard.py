"""The dashboard under a pilot, with events that the test hands out; and the plot on its own."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from queue import Empty, Queue
from threading import Event as Flag
from typing import Any

import pytest
from textual.pilot import Pilot

from lockfiles.errors import UsageProblem
from runner.runs.events import Event
from tests.tui.snapshot.test_snapshot import BEGUN, Told, events, step
from tui.dashboard.app import Dashboard
from tui.dashboard.numbers import how_far, memory_line
from tui.dashboard.panel import Panel
from tui.dashboard.plot import plot
from tui.snapshot import empty, fold

FIGURES = {
    "learning_rate": 1.6e-3, "tokens_per_second": 1234.4, "memory_bytes": 650_000_000,
    "peak_bytes": 710_000_000, "predicted_bytes": 740_000_000, "eta_seconds": 125.0,
}  # fmt: skip
TRAINING: list[Told] = [
    *BEGUN,
    *(step(n, **FIGURES) for n in range(1, 5)),
    ("train", "evaluation", {"loss": 0.6, "step": 4}),
    ("gguf", "sample", {"prompt": "[b]hi", "answer": "x\x1b[2J", "wanted": "y", "source": "q8_0"}),
    ("train", "warning", {"text": "slow [/nothing]"}),
]


class Source:
    """Hands out what the test puts in, and waits no longer than it must."""

    def __init__(self) -> None:
        self.polls = 0
        self._given: Queue[tuple[list[Event], int | None] | UsageProblem] = Queue()

    def give(self, *told: Told, code: int | None = None) -> None:
        self._given.put((events(*told), code))

    def fail(self, problem: UsageProblem) -> None:
        self._given.put(problem)

    def poll(self) -> tuple[list[Event], int | None]:
        self.polls += 1
        try:
            given = self._given.get_nowait()
        except Empty:
            return [], None
        if isinstance(given, UsageProblem):
            raise given
        return given

    @staticmethod
    def wait(leaving: Flag) -> None:
        leaving.wait(0.01)


class Shown:
    """A dashboard that runs, and what stands on its screen."""

    def __init__(self, app: Dashboard, source: Source, pilot: Pilot[Any]) -> None:
        self.app, self.source, self.pilot = app, source, pilot

    def text(self) -> str:
        strips = self.app.screen._compositor.render_strips()
        return "\n".join(strip.text.rstrip() for strip in strips)

    async def until(self, holds: Callable[[], bool]) -> None:
        for _ in range(500):
            if holds():
                return
            await self.pilot.pause()
            await asyncio.sleep(0.01)
        raise AssertionError(self.text())

    async def has_step(self, number: int) -> None:
        await self.until(lambda: self.app.snapshot.step == number)

    async def shows(self, wanted: str) -> str:
        await self.until(lambda: wanted in self.text())
        return self.text()


@asynccontextmanager
async def dashboard(width: int = 80, height: int = 24) -> AsyncIterator[Shown]:
    source = Source()
    app = Dashboard(source, empty("demo"), wait=source.wait)
    async with app.run_test(size=(width, height)) as pilot:
        yield Shown(app, source, pilot)


async def test_80_by_24_shows_all_of_a_training() -> None:
    async with dashboard() as shown:
        await shown.shows("waiting for the first stage")
        shown.source.give(*TRAINING)
        text = await shown.shows("step 4 of 10")
    for wanted in (
        "tunelock · demo · running · train",
        "✓ prepare    1.5 s",
        "▸ train      running",
        "  evaluate   waiting",
        "loss 0.2500   validation loss 0.6000",
        "learning rate 1.6e-3   1,234 tokens/s   2 min left",
        "0.61 now, 0.66 peak, 0.69 predicted (GiB)",
        "⠒ training loss   o validation loss",
        "train  evaluation  loss 0.600",
        "train  warning: slow [/nothing]",
        "q leave (run continues)",
    ):
        assert wanted in text
    assert "train  step" not in text
    assert max(len(line) for line in text.splitlines()) <= 80


async def test_keys_change_the_log_and_show_help() -> None:
    async with dashboard() as shown:
        shown.source.give(*TRAINING)
        await shown.shows("warning: slow")
        await shown.pilot.press("l")
        text = await shown.shows("q8_0: [b]hi")
        assert r"answer: x\x1b[2J" in text
        await shown.pilot.press("l")
        await shown.shows("warning: slow")
        await shown.pilot.press("question_mark")
        await shown.shows("if you leave it")
        shown.source.give(step(6))
        await shown.has_step(6)
        await shown.pilot.press("escape")
        await shown.shows("step 6 of 10")


async def test_a_low_terminal_has_the_curve_or_the_log() -> None:
    async with dashboard(60, 16) as shown:
        shown.source.give(*TRAINING)
        assert "warning: slow" not in await shown.shows("⠒ training loss")
        await shown.pilot.press("l")
        assert "training loss" not in await shown.shows("warning: slow")
        await shown.pilot.press("l")
        await shown.shows("q8_0: [b]hi")
        await shown.pilot.press("l")
        await shown.shows("⠒ training loss")


async def test_a_small_terminal_says_so_and_no_size_crashes() -> None:
    async with dashboard(59, 24) as shown:
        shown.source.give(*TRAINING)
        assert "tunelock ·" not in await shown.shows("This terminal is 59 by 24")
        for width, height in ((1, 1), (80, 3), (2, 40), (80, 24)):
            await shown.pilot.resize_terminal(width, height)
            shown.source.give(step(width))
            await shown.has_step(width)
        await shown.shows("step 80 of 10")


async def test_what_did_not_change_is_not_drawn_again(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[str | None] = []
    async with dashboard() as shown:
        shown.source.give(*TRAINING)
        await shown.shows("step 4 of 10")
        monkeypatch.setattr(Panel, "refresh", lambda panel, **_: drawn.append(panel.id))
        polled = shown.source.polls
        await shown.until(lambda: shown.source.polls > polled + 5)
        assert drawn == []
        shown.source.give(("train", "checkpoint", {"step": 4}))
        await shown.until(lambda: bool(drawn))
        assert drawn == ["journal"]
        monkeypatch.undo()


@pytest.mark.parametrize("key", ["q", "ctrl+c", "ctrl+q"])
async def test_leaving_has_no_code(key: str) -> None:
    async with dashboard() as shown:
        await shown.pilot.press(key)
        await shown.until(lambda: not shown.app.is_running or shown.app._exit)
    assert shown.app.return_value is None


async def test_it_ends_with_the_code_of_the_run() -> None:
    async with dashboard() as shown:
        shown.source.give(*TRAINING, ("run", "failed", {"exit_code": 4}), code=4)
        await shown.until(lambda: shown.app.return_value is not None)
    assert shown.app.return_value == 4
    assert shown.app.snapshot.finished


async def test_events_that_cannot_be_read_end_it() -> None:
    async with dashboard() as shown:
        problem = UsageProblem("broken")
        shown.source.fail(problem)
        await shown.until(lambda: shown.app.problem is not None)
    assert shown.app.problem is problem


def test_the_plot_draws_a_falling_line_and_marks() -> None:
    points = [(n, 10.0 - n) for n in range(10)]
    assert plot(points, 30, 5, [(9, 9.0)]) == [
        "10.000 ⠉⠒⠤⠤⣀⣀                o",
        "             ⠉⠒⠢⢄⣀⡀           ",
        "                  ⠈⠉⠑⠢⠤⣀      ",
        " 1.000                  ⠉⠉⠒⠒⠤⣀",
        "       0                     9",
    ]


@pytest.mark.parametrize(
    "points",
    [
        [],
        [(1.0, 2.0)],
        [(1.0, 2.0), (2.0, 2.0)],
        [(1.0, float("nan")), (2.0, float("inf"))],
        [(1.0, -1.7e308), (2.0, 1.7e308), (3.0, -1e200), (4.0, 1e200)],
        [(n, float(n % 7)) for n in range(5000)],
    ],
)
def test_the_plot_fills_exactly_its_place(points: list[tuple[float, float]]) -> None:
    for width in (1, 2, 20, 21, 77):
        for height in (1, 2, 3, 12):
            drawn = plot(points, width, height, points[:1])
            assert [len(line) for line in drawn] == [width] * height
    assert plot(points, 0, 5) == plot(points, 5, 0) == []


def test_memory_over_the_prediction_is_said_in_words() -> None:
    over = fold(empty("demo"), events(step(1, peak_bytes=8 * 10**8, predicted_bytes=7 * 10**8)))
    assert memory_line(over, 76).endswith("0.75 peak (GiB), 14% above the prediction")
    assert memory_line(empty("demo"), 76) == "memory  not measured yet"


def test_a_stage_that_is_not_heard_is_stalled() -> None:
    told: Told = ("train", "warning", {"text": "no heartbeat", "stalled_seconds": 61.0})
    snapshot = fold(empty("demo"), events(*BEGUN, step(3), told))
    assert how_far(snapshot, 20) == "train  stalled: no heartbeat for 61 s or more"
    assert "stalled · train" in Dashboard(Source(), snapshot)._headline()


async def test_a_finished_run_is_closed_and_does_not_continue() -> None:
    async with dashboard() as shown:
        shown.source.give(*TRAINING, ("train", "done", {"seconds": 2}), ("run", "done", {}))
        text = await shown.shows("demo · done")
        assert "run continues" not in text
        assert "q close" in text
        assert "% below the prediction" in text
