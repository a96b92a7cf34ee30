"""The queue of commands, with cards that are only numbers."""

import json
import re
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from tests.gpu import queue
from tests.gpu.queue import Job, Running, next_of

HERE = Path(__file__).parent


def _run(folder: Path, lines: str, *options: str) -> int:
    (folder / "queue.txt").write_text(lines)
    return queue.main([str(folder / "queue.txt"), str(folder / "out"), "--cards", "2", *options])


def _state(folder: Path) -> list[dict[str, Any]]:
    lines = (folder / "out" / "state.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def test_lines_for_one_card_run_beside_each_other_on_their_own(tmp_path: Path) -> None:
    """Each waits for the other."""
    meet = "touch {0}; until [ -e {1} ]; do sleep 0.02; done; echo $CUDA_VISIBLE_DEVICES"
    lines = (
        f"1 5 {meet.format('$OUT/a', '$OUT/b')}\n# none\n\n1 5 {meet.format('$OUT/b', '$OUT/a')}"
    )
    assert _run(tmp_path, lines) == 0
    cards = [one["cards"] for one in _state(tmp_path)]
    assert sorted(cards) == [["0"], ["1"]]
    said = [path.read_text().split()[-1] for path in (tmp_path / "out").glob("*.log")]
    assert sorted(said) == ["0", "1"]


def test_what_succeeded_is_not_repeated_and_what_failed_comes_last(tmp_path: Path) -> None:
    lines = "2 1 test -e $OUT/mended\n2 1 touch $OUT/mended; [ $NCCL_NVLS_ENABLE = 0 ]\n"
    assert _run(tmp_path, lines) == 1
    assert [one["outcome"] for one in _state(tmp_path)] == [1, 0]
    assert _run(tmp_path, "2 1 true\n" + lines) == 0
    assert [one["outcome"] for one in _state(tmp_path)] == [1, 0, 0, 0]


def test_commands_end_with_the_budget_and_continue_in_the_next_call(tmp_path: Path) -> None:
    lines = "1 0.1 [ -e $OUT/on ] || (touch $OUT/on; sleep 60)\n2 1 true\n"
    began = time.monotonic()
    assert _run(tmp_path, lines, "--seconds", "0.5") == 1
    assert time.monotonic() - began < 10
    assert [one["outcome"] for one in _state(tmp_path)] == ["cut"]
    assert _run(tmp_path, lines) == 0


def test_a_command_with_work_left_is_continued(tmp_path: Path) -> None:
    lines = "1 1 [ -e $OUT/on ] && exit 0; touch $OUT/on; exit 75\n"
    assert _run(tmp_path, lines) == 1
    assert [one["outcome"] for one in _state(tmp_path)] == ["cut"]
    assert _run(tmp_path, lines) == 0


def test_a_later_line_goes_first_only_where_no_earlier_one_waits_for_it() -> None:
    wide, short, long = Job(2, 9, "wide"), Job(1, 5, "short"), Job(1, 50, "long")
    running: Any = Running(Job(1, 10, "first"), ["0"], None, Path(), 100.0)  # type: ignore[arg-type]
    assert next_of([wide, long, short], [running], 1, 101.0, 1e9) is short
    assert next_of([wide, long, short], [running], 1, 106.0, 1e9) is None
    assert next_of([wide, long], [], 2, 101.0, 1e9) is wide
    assert next_of([wide, short], [], 2, 101.0, 107.0) is short
    assert next_of([wide, Job(1, 99, "limits itself: $LEFT")], [], 2, 101.0, 107.0) is None


def test_a_bad_line_and_too_few_cards_are_named(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"queue.txt:2: not `CARDS SECONDS COMMAND`: two 1 true"):
        _run(tmp_path, "1 1 true\ntwo 1 true\n")
    with pytest.raises(SystemExit, match="a line for 4 cards, but there are 2"):
        _run(tmp_path, "4 1 true\n")


@pytest.mark.parametrize(("name", "cards", "minutes"), [("two", 2, 40), ("four", 4, 25)])
def test_the_queues_of_this_project_name_programs_that_exist(
    name: str, cards: int, minutes: int
) -> None:
    jobs = queue.jobs_of(HERE / f"{name}_cards.txt")
    assert max(job.cards for job in jobs) == cards
    assert sum(job.seconds * job.cards for job in jobs) <= 60 * minutes * cards
    for job in jobs:
        for module in re.findall(r"-m (tests\.[\w.]+)", job.command):
            assert find_spec(module), job.command
        for file in re.findall(r"tests/[\w/]+\.\w+", job.command):
            assert (HERE.parents[1] / file).exists(), job.command
