"""Following a run until it ends: by its events alone, and without writing in its folder."""

import os
import shlex
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from lockfiles.errors import Interrupted, TunelockError, UsageProblem
from runner.events import Event, read
from runner.folder import is_held
from tui import output
from tui.dashboard.summary import summary
from tui.progress import Narrator
from tui.snapshot import Snapshot, empty, fold

Face = Literal["dashboard", "plain", "json"]
Ended = Callable[[], int | None]
"""Returns the run's exit code once nobody works on it any more, before that None."""

EVENTS = "events.jsonl"
_POLL_SECONDS = 0.5


class Reader:
    """Reads a run's events as they come; starts over when the file was begun anew."""

    def __init__(self, run: Path, ended: Ended, *, since: int = 0) -> None:
        self.run = run
        self._path = run / EVENTS
        self._ended = ended
        self._offset = 0
        self._held: list[Event] = []
        self._quiet = True

    def poll(self) -> tuple[list[Event], int | None]:
        """Return the new events, and the exit code once there will be no more.

        The end is asked for before the reading, so that the last events are never missed, and
        only when the poll before brought nothing. Raises UsageProblem where it cannot be read.
        """
        code = self._ended() if self._quiet else None
        events = self._new()
        self._quiet = not events
        return events, code

    def pass_over(self, since: int) -> list[Event]:
        """Return the events in the first `since` bytes; the next poll begins after them.

        Raises UsageProblem where they cannot be read.
        """
        if not since:
            return []
        with self._path.open("rb") as file:
            count = file.read(since).count(b"\n")
        events = self._new()
        self._held = events[count:]
        return events[:count]

    def _new(self) -> list[Event]:
        held, self._held = self._held, []
        try:
            if self._path.exists() and self._path.stat().st_size < self._offset:
                self._offset = 0
            events, self._offset = read(self._path, offset=self._offset)
        except (OSError, ValueError, KeyError, AttributeError) as problem:
            raise UsageProblem(
                f"`{self._path}` cannot be read as events: {problem}.",
                hint=f"less {shlex.quote(str(self._path))}",
            ) from None
        return held + events


def follow(run: Path, *, face: Face, ended: Ended, since: int = 0) -> int:
    """Show a run until it ends and return its exit code, or 130 where the person left it.

    Events before the byte `since` of the events file are known but not told again. The run is
    never touched: leaving lets it go on. Raises UsageProblem where the events cannot be read.
    """
    try:
        code = _SHOWN[face](Reader(run, ended), since)
    except KeyboardInterrupt:
        code = None
    if code is None:
        output.note(
            f"left; the run goes on. To see it again: tunelock watch {shlex.quote(str(run))}"
        )
        return Interrupted.exit_code
    return code


def face_for(*, plain: bool, as_json: bool) -> Face:
    """Return the face that was asked for, or the dashboard where this terminal can draw it."""
    if as_json:
        return "json"
    terminal = all(stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr))
    dumb = os.environ.get("TERM", "dumb") == "dumb" or os.environ.get("ACCESSIBLE", "0") != "0"
    return "plain" if plain or dumb or not terminal else "dashboard"


def find(run: Path | None, runs: Path = Path("runs")) -> Path:
    """Return the run folder that is meant: the given one, or the newest in `runs`.

    Raises UsageProblem where there is none.
    """
    if run is None:
        found = [folder for folder in runs.glob("*") if _is_run(folder)]
        if not found:
            raise UsageProblem(f"There is no run in `{runs}`.", hint="tunelock run run.lock")
        return max(found, key=_changed)
    if not run.is_dir():
        raise UsageProblem(f"`{run}` is not a folder.", hint=f"ls {shlex.quote(str(run.parent))}")
    if not _is_run(run):
        raise UsageProblem(
            f"`{run}` holds neither `run.lock` nor `{EVENTS}`, so it is no run folder.",
            hint="tunelock status runs/NAME, or tunelock run run.lock to begin one",
        )
    return run


def snapshot_of(run: Path) -> Snapshot:
    """Return the run as its events tell it now. Raises UsageProblem where they cannot be read."""
    events, _ = Reader(run, lambda: None).poll()
    return fold(empty(run.resolve().name), events)


def ended_by_lock(run: Path) -> Ended:
    """Return the `ended` of a run that some other process works on."""
    return lambda: None if is_held(run) else snapshot_of(run).exit_code


def _is_run(folder: Path) -> bool:
    return (folder / EVENTS).is_file() or (folder / "run.lock").is_file()


def _changed(folder: Path) -> float:
    told = folder / EVENTS
    return (told if told.exists() else folder / "run.lock").stat().st_mtime


def _before(reader: Reader, since: int) -> Snapshot:
    return fold(empty(reader.run.resolve().name), reader.pass_over(since))


def _plain(reader: Reader, since: int) -> int:
    narrator = Narrator(_before(reader, since))
    while True:
        events, code = reader.poll()
        for line in narrator.tell(events) + (narrator.rest() if code is not None else []):
            output.note(line)
        if code is not None:
            return code
        time.sleep(_POLL_SECONDS)


def _json(reader: Reader, since: int) -> int:
    reader.pass_over(since)
    while True:
        events, code = reader.poll()
        for event in events:
            head = {
                "seq": event.seq, "time": event.time, "stage": event.stage, "kind": event.kind
            }  # fmt: skip
            output.data_json(head | event.fields, indent=None)
        output.flush()
        if code is not None:
            return code
        time.sleep(_POLL_SECONDS)


def _dashboard(reader: Reader, since: int) -> int | None:
    output.note(f"tunelock: {reader.run} …")
    from tui.dashboard.app import Dashboard

    dashboard = Dashboard(reader, _before(reader, since))
    code = dashboard.run(mouse=False)
    if dashboard.problem is not None:
        raise dashboard.problem
    if dashboard.fault is not None:
        raise TunelockError(
            "The dashboard ended by a fault of its own; the run goes on.",
            hint=f"tunelock watch {shlex.quote(str(reader.run))} --plain",
            details=[output.said(dashboard.fault)],
        )
    if code is None:
        return dashboard.return_code or None
    failure = dashboard.snapshot.failure
    word = "done" if code == 0 else failure.state if failure is not None else "stopped"
    for line in summary(dashboard.snapshot, word):
        output.note(line)
    return code


_SHOWN: dict[Face, Callable[[Reader, int], int | None]] = {
    "dashboard": _dashboard, "plain": _plain, "json": _json
}  # fmt: skip
