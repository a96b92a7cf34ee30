"""Damaged event files: what is no event is skipped and reported, and a run resumes after it."""

import json
import os
import random
import resource
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from lockfiles.errors import RunFailed, TunelockError, UsageProblem
from runner.runs.events import BLOCK_BYTES, LINE_BYTES, Event, Tail, Writer, read
from tests.tui.snapshot.test_snapshot import BEGUN
from tui.commands.status import as_it_stands, facts, state
from tui.dashboard.numbers import how_far, memory_line
from tui.follow import follow
from tui.snapshot import empty, fold
from tui.snapshot.narrator import Narrator
from tui.snapshot.summary import summary

GOOD = b'{"loss": 1.0, "seq": %d, "time": 5.0, "stage": "train", "kind": "step"}'
DAMAGED = [
    b"", b"{", b"7", b"null", b"[]", b'"seq"', b"{}", b"\0" * 50, b"\xff\xfe" + b"{\0}\0",
    b'{"seq": 1}', b'{"seq": "1", "time": 1, "stage": "a", "kind": "step"}',
    b'{"seq": -1, "time": 1, "stage": "a", "kind": "step"}',
    b'{"seq": 1.5, "time": 1, "stage": "a", "kind": "step"}',
    b'{"seq": true, "time": 1, "stage": "a", "kind": "step"}',
    b'{"seq": 1, "time": NaN, "stage": "a", "kind": "step"}',
    b'{"seq": 1, "time": Infinity, "stage": "a", "kind": "step"}',
    b'{"seq": 1, "time": 1, "stage": ["a"], "kind": "step"}',
    b'{"seq": 1, "time": 1, "stage": "a", "kind": null}',
    b'{"seq": 1, "time": 1, "stage": "' + b"a" * 200 + b'", "kind": "step"}',
    b'{"seq": ' + b"9" * 400 + b', "time": 1, "stage": "a", "kind": "step"}',
    b'{"seq": 1, "time": 1, "stage": "a", "kind": "step", "step": ' + b"9" * 5000 + b"}",
    b'{"seq": 1, "time": 1, "stage": "a", "kind": "step", "x": ' + b"[" * 100_000,
    b'{"seq": 1, "time": 1, "stage": "a", "kind": "step", "x": "' + b"a" * LINE_BYTES + b'"}',
    b"x" * (BLOCK_BYTES * 2 + 17),
]  # fmt: skip


@pytest.mark.parametrize("place", ["first", "middle", "last"])
def test_damaged_lines_are_counted_and_a_run_goes_on(place: str, tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    good = [GOOD % number for number in (0, 7, 3)]
    at = {"first": 0, "middle": 2, "last": 3}[place]
    path.write_bytes(b"\n".join([*good[:at], *DAMAGED, *good[at:]]) + b"\n")
    tail = Tail(path)
    found = [event for block in tail.blocks() for event in block]
    assert [event.seq for event in found] == [0, 7, 3]
    assert tail.damaged == len(DAMAGED)
    with Writer(path) as writer:
        assert writer.damaged == len(DAMAGED)
        assert writer.append("train", "done", {}).seq == 8
    assert [event.seq for event in read(path)[0]] == [0, 7, 3, 8]


def test_the_greatest_number_that_is_read_leaves_room_for_those_after_it(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_bytes(GOOD % 6 + b"\n" + GOOD % (1 << 53) + b"\n")
    with Writer(path) as writer:
        assert [writer.append("train", "done", {}).seq for _ in range(2)] == [7, 8]
    assert [event.seq for event in read(path)[0]] == [6, 1 << 53, 7, 8]


@pytest.mark.parametrize("tail", [b"", b"{", b"\0" * 9, b"y" * (BLOCK_BYTES + 5)])
def test_a_torn_tail_is_cut_and_nothing_else(tail: bytes, tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_bytes(GOOD % 4 + b"\n" + tail)
    with Writer(path) as writer:
        assert writer.append("train", "done", {}).seq == 5
    assert path.read_bytes().startswith(GOOD % 4 + b"\n{")


def test_a_file_without_lines_is_not_cut(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.touch()
    os.truncate(path, 900 << 30)
    begun = time.monotonic()
    with pytest.raises(UsageProblem, match="does not end in a complete line"):
        Writer(path)
    assert follow.snapshot_of(tmp_path).stages == ()
    assert time.monotonic() - begun < 20
    assert path.stat().st_size == 900 << 30


def test_a_large_file_is_read_block_by_block(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_bytes((GOOD % 1 + b" " * 900 + b"\n") * 20_000)
    tail, counts = Tail(path), list[int]()
    for block in tail.blocks():
        counts.append(len(block))
    assert sum(counts) == 20_000 and max(counts) < 5_000
    watched = follow.Reader(tmp_path, lambda: 0)
    polls = [watched.poll()]
    while polls[-1][1] is None:
        polls.append(watched.poll())
    assert sum(len(events) for events, _ in polls) == 20_000


def test_an_event_that_is_too_long_is_written_shorter(tmp_path: Path) -> None:
    with Writer(tmp_path / "events.jsonl") as writer:
        for fields in (
            {"prompt": "a" * 3_000_000, "step": 4},
            {"deep": [0] * 1_000_000},
            {str(number): "a" * 3999 for number in range(1000)},
        ):
            writer.append("train", "sample", fields)
    (first, _, third), _ = read(tmp_path / "events.jsonl")
    assert first.fields["step"] == 4 and len(first.fields["prompt"]) < 5000
    assert third.fields == {"text": "event too long"}


def test_a_full_disk_leaves_no_torn_line(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    with Writer(path) as writer:
        writer.append("train", "started", {})
        whole = path.read_bytes()
        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        former = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (len(whole) + 20, limits[1]))
        try:
            with pytest.raises(RunFailed, match=r"events.jsonl` cannot be written: File too large"):
                writer.append("train", "step", {"loss": 1.0})
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
            signal.signal(signal.SIGXFSZ, former)
        assert path.read_bytes() == whole
        writer.append("train", "done", {})
    assert [event.kind for event in read(path)[0]] == ["started", "done"]


HOSTILE: list[object] = [
    None, True, -1, 0, 2**62, -(2**62), 1e308, float("nan"), float("inf"), "", "x", "\x1b[2J",
    "error: forged\n", "\u202e", "\ud800", [], [[]] * 100, {}, {"a": {"b": []}}, "a" * 100_000,
    ["a"] * 100_000, [None, 7, "prepare"],
]  # fmt: skip
FIELDS = (
    "stages", "what", "done", "total", "unit", "step", "steps", "loss", "learning_rate", "accuracy",
    "tokens_per_second", "memory_bytes", "peak_bytes", "predicted_bytes", "eta_seconds", "model",
    "rows", "prompt", "answer", "wanted", "source", "text", "path", "size_bytes", "seconds",
    "message", "hint", "exit_code", "stalled_seconds", "quiet_seconds", "stop_within_seconds",
    "damaged_lines",
)  # fmt: skip
KINDS = (
    "started", "progress", "done", "failed", "step", "evaluation", "checkpoint", "sample",
    "warning", "artifact", "telepathy",
)  # fmt: skip


def drawn(random: random.Random) -> Event:
    fields = {name: random.choice(HOSTILE) for name in random.sample(FIELDS, random.randint(0, 12))}
    stage = random.choice(["run", "train", "prepare", "\x1b[31m", ""])
    return Event(random.randint(0, 9), random.uniform(0, 1e11), stage, random.choice(KINDS), fields)


def test_no_field_of_an_event_breaks_what_shows_it() -> None:
    source = random.Random(12)
    for _ in range(60):
        told = [drawn(source) for _ in range(30)]
        narrator = Narrator(empty("demo"))
        for event in told:
            assert all("\n" not in line for line in narrator.narrate([event]))
        snapshot = narrator.snapshot
        for held in (True, False):
            now = state(snapshot, held=held)
            shown = as_it_stands(snapshot, now)
            assert summary(shown, now, now=1e6)
            json.dumps(facts(snapshot, held=held))
        assert how_far(snapshot, 20) and memory_line(snapshot, 80)
        assert 0 <= snapshot.exit_code <= 255


def test_a_snapshot_stays_small_and_quick_whatever_the_events() -> None:
    many = [Event(n, 1.0, f"stage{n}", "started", {}) for n in range(20_000)]
    many += [Event(n, 1.0, "run", "artifact", {"path": str(n)}) for n in range(20_000)]
    many += [Event(0, 1.0, "run", "started", {"stages": [str(n) for n in range(50_000)]})]
    begun = time.monotonic()
    snapshot = fold(empty("demo"), many)
    assert time.monotonic() - begun < 20
    assert len(snapshot.stages) <= 64 and len(snapshot.artifacts) <= 64


Spoil = Callable[[bytes, random.Random], bytes]


def cut(content: bytes, source: random.Random) -> bytes:
    return content[: source.randrange(len(content))]


def flipped(content: bytes, source: random.Random) -> bytes:
    changed = bytearray(content)
    for _ in range(source.randint(1, 20)):
        changed[source.randrange(len(changed))] = source.randrange(256)
    return bytes(changed)


def doubled(content: bytes, source: random.Random) -> bytes:
    at = source.randrange(len(content))
    return content[:at] + content[at // 2 :] * 3


@pytest.mark.parametrize("spoil", [cut, flipped, doubled], ids=lambda spoil: spoil.__name__)
def test_any_change_of_bytes_is_read_and_continued(spoil: Spoil, tmp_path: Path) -> None:
    source, path = random.Random(spoil.__name__), tmp_path / "events.jsonl"
    with Writer(path) as writer:
        for one in BEGUN:
            writer.append(*one)
    whole = path.read_bytes()
    for _ in range(60):
        path.write_bytes(spoil(whole, source))
        try:
            with Writer(path) as writer:
                last = writer.append("train", "done", {}).seq
        except TunelockError:
            raise AssertionError("a damaged file is no reason not to run") from None
        found = read(path)[0]
        assert found[-1].seq == last == max(event.seq for event in found)
        assert follow.snapshot_of(tmp_path).last_time is not None
