"""Follows a run until it ends, by its events only and without writing to its folder."""

import os
import shlex
import stat
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

from lockfiles.errors import Interrupted, TunelockError, UsageProblem
from lockfiles.fixes import Command
from lockfiles.nearest import nearest
from runner.runs.events import Event, Tail
from runner.runs.folder import EVENTS, LOCK
from runner.runs.holders import Supervision, is_held, look
from tui.snapshot import RUN, Snapshot, empty, fold
from tui.snapshot.narrator import Narrator
from tui.snapshot.summary import summary
from tui.terminal import output
from tui.terminal.fit import columns_of, less
from tui.text import ending

Face = Literal["dashboard", "plain", "json"]
Ended = Callable[[], int | None]
"""Returns the run's exit code once no process works on it, and None before that."""

_POLL_SECONDS = 0.5
SUPERVISOR_WORDS: dict[Supervision, str] = {
    "heard": "",
    "silent": "the supervisor is suspended or hung; `tunelock stop` resumes it and stops the run",
    "gone": "the supervisor was killed; its stage process is ending",
}


class Reader:
    """Reads a run's events while they are written; starts over if the file is replaced.

    It adds warnings that no supervisor can write, with a negative `seq`: damaged lines, reported
    once with their number, and a supervisor that is suspended, hung or gone.
    """

    def __init__(self, run: Path, ended: Ended) -> None:
        self.run = run
        self._ended = ended
        self._tail = Tail(run / EVENTS)
        self._quiet = True
        self._damage_noted = False
        self._supervision: Supervision = "heard"

    @property
    def more(self) -> bool:
        """Whether the file already has more events than the last poll returned."""
        return self._tail.more

    def poll(self) -> tuple[list[Event], int | None]:
        """Return the new events, and the exit code once there will be no more.

        The end is checked before reading, so that the last events are never missed, and only after
        a poll without events. Raises UsageProblem if the file cannot be read.
        """
        code = self._ended() if self._quiet else None
        before = self._tail.offset
        events = self._next()
        self._quiet = self._tail.offset == before
        if self.more:
            return events, None
        return events + self._notes(), code

    def pass_over(self, since: int) -> Iterator[Event]:
        """Yield the events in the first `since` bytes; the next poll starts after them.

        Raises UsageProblem if they cannot be read.
        """
        while self._tail.offset < since:
            before = self._tail.offset
            yield from self._next(until=since)
            if self._tail.offset == before:
                return

    def skip(self, since: int) -> None:
        """Skip the first `since` bytes."""
        self._tail.offset = since

    def _next(self, until: int | None = None) -> list[Event]:
        try:
            events = self._tail.next(until=until)
        except OSError as problem:
            raise UsageProblem(
                f"`{self._tail.path}` cannot be read: {problem.strerror}.",
                fix=Command("ls -l {}", self._tail.path),
            ) from None
        self._damage_noted |= any("damaged_lines" in event.fields for event in events)
        return events

    def _notes(self) -> list[Event]:
        notes: list[dict[str, object]] = []
        count = self._tail.damaged
        if count and not self._damage_noted:
            self._damage_noted = True
            lines = "1 damaged line" if count == 1 else f"{count} damaged lines"
            notes.append({"text": f"skipped {lines} of `{EVENTS}`", "damaged_lines": count})
        if self._quiet:
            notes += self._supervisor_notes()
        return [Event(-1, time.time(), RUN, "warning", fields) for fields in notes]

    def _supervisor_notes(self) -> list[dict[str, object]]:
        found = look(self.run)
        before, self._supervision = self._supervision, found.supervision if found.held else "heard"
        if self._supervision == before:
            return []
        if self._supervision == "heard":
            text = "the supervisor is responding again"
            return [{"text": text, "stalled_seconds": 0}] * found.held
        silent = round(max(1.0, found.silent_seconds), 1)
        return [{"text": SUPERVISOR_WORDS[self._supervision], "stalled_seconds": silent}]


def follow(run: Path, *, face: Face, ended: Ended, since: int = 0, closing: bool = True) -> int:
    """Show a run until it ends and return its exit code, or 130 if the user leaves.

    With `closing` the plain lines end with where the results are, or how to resume.

    Events before the byte `since` of the events file count but are not shown. The run is never
    affected: it continues if the user leaves. Raises UsageProblem if the events cannot be read.
    """
    try:
        code = _SHOWN[face](Reader(run, ended), since)
        if closing and face == "plain" and code is not None:
            held = is_held(run)
            output.notes(ending.lines(run, snapshot_of(run), held=held, columns=_columns()))
    except KeyboardInterrupt:
        code = None
    if code is None and (code := ended()) is not None:
        output.notes(ending.lines(run, snapshot_of(run), held=False, columns=_columns()))
    if code is None:
        output.note(
            f"left; the run continues. To follow it again: tunelock watch {shlex.quote(str(run))}"
        )
        return Interrupted.exit_code
    return code


def face_for(*, plain: bool, as_json: bool) -> Face:
    """Return the requested interface, or the dashboard if this terminal can draw it."""
    if as_json:
        return "json"
    terminal = all(stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr))
    dumb = os.environ.get("TERM", "dumb") == "dumb" or os.environ.get("ACCESSIBLE", "0") != "0"
    return "plain" if plain or dumb or not terminal else "dashboard"


def find(run: Path | None, runs: Path = Path("runs")) -> Path:
    """Return the given run folder, or the newest one in `runs`.

    A name without a folder is also looked up in `runs`. Raises UsageProblem if there is none.
    """
    if run is None:
        found = runs_in(runs)
        if not found:
            raise UsageProblem(
                f"There are no runs in `{runs}`.", fix=Command("tunelock run run.lock")
            )
        return found[0]
    if run.is_symlink():
        raise UsageProblem(
            f"`{run}` is a link, not a run folder.",
            fix=Command("ls -l {}", run, to="give the folder it points to"),
        )
    if not run.is_dir():
        return _named(run, runs)
    if not _is_run(run):
        raise UsageProblem(
            f"`{run}` has neither `{LOCK}` nor `{EVENTS}`, so it is not a run folder.",
            fix=(
                Command("tunelock status runs/NAME"),
                Command("tunelock run run.lock", to="to start one"),
            ),
        )
    if not os.path.lexists(run / EVENTS) and (inside := runs_in(run / "runs")):
        raise UsageProblem(
            f"`{run}` is not a run folder: its runs are in `{run / 'runs'}`.",
            fix=Command("tunelock status {}", inside[0]),
        )
    return run


def _named(run: Path, runs: Path) -> Path:
    """Return the run in `runs` that is called `run`, in full or without its digest."""
    known = runs_in(runs) if run.parent == Path() else []
    found = [one for one in known if run.name in (one.name, one.name.rpartition("-")[0])]
    if found:
        return found[0]
    if not known:
        raise UsageProblem(f"`{run}` is not a folder.", fix=Command("ls {}", run.parent))
    like = nearest(run.name, [one.name for one in known])
    near = f"; did you mean `{like}`?" if like else "."
    raise UsageProblem(
        f"`{run}` is neither a folder nor a run in `{runs}`{near}", fix=Command("tunelock status")
    )


def runs_in(runs: Path) -> list[Path]:
    """Return the run folders in a folder, newest first, without links."""
    try:
        found = [path for path in runs.iterdir() if not path.is_symlink() and _is_run(path)]
    except OSError:
        return []
    return sorted(found, key=_changed, reverse=True)


def snapshot_of(run: Path) -> Snapshot:
    """Return the current snapshot of a run. Raises UsageProblem if its events cannot be read."""
    reader, snapshot = Reader(run, lambda: None), empty(run.resolve().name)
    while True:
        snapshot = fold(snapshot, reader.poll()[0])
        if not reader.more:
            return snapshot


def ended_by_lock(run: Path) -> Ended:
    """Return the `ended` callback for a run of another process."""
    return lambda: None if is_held(run) else snapshot_of(run).exit_code


def _is_run(folder: Path) -> bool:
    return any(_seconds(folder / name) is not None for name in (EVENTS, LOCK))


def _changed(folder: Path) -> float:
    return _seconds(folder / EVENTS) or _seconds(folder / LOCK) or 0.0


def _seconds(path: Path) -> float | None:
    """Return when a file was changed; None if it does not exist or is a link."""
    try:
        found = path.lstat()
    except OSError:
        return None
    return None if stat.S_ISLNK(found.st_mode) else found.st_mtime


def _columns() -> int | None:
    """Return the columns of the terminal that shows messages; None without one."""
    return columns_of(sys.stderr)


def _before(reader: Reader, since: int) -> Snapshot:
    return fold(empty(reader.run.resolve().name), reader.pass_over(since))


def _plain(reader: Reader, since: int) -> int:
    narrator = Narrator(_before(reader, since), columns=_columns)
    while True:
        events, code = reader.poll()
        for line in narrator.narrate(events) + (narrator.flush() if code is not None else []):
            output.note(line)
        if code is not None:
            return code
        if not reader.more:
            time.sleep(_POLL_SECONDS)


def _json(reader: Reader, since: int) -> int:
    reader.skip(since)
    while True:
        events, code = reader.poll()
        for event in events:
            if event.seq < 0:
                output.note(f"warning: {event.fields['text']}")
                continue
            head = {
                "seq": event.seq, "time": event.time, "stage": event.stage, "kind": event.kind
            }  # fmt: skip
            output.data_json(head | event.fields, indent=None)
        output.flush()
        if code is not None:
            return code
        if not reader.more:
            time.sleep(_POLL_SECONDS)


def _dashboard(reader: Reader, since: int) -> int | None:
    output.note(f"tunelock: {reader.run} …")
    from tui.dashboard.app import REDRAW_SECONDS, Dashboard

    def wait(leaving: threading.Event) -> None:
        leaving.wait(0 if reader.more else REDRAW_SECONDS)

    dashboard = Dashboard(reader, _before(reader, since), wait=wait)
    code = dashboard.run(mouse=False)
    if dashboard.problem is not None:
        raise dashboard.problem
    if dashboard.fault is not None:
        raise TunelockError(
            "The dashboard stopped because of an internal error; the run continues.",
            fix=Command("tunelock watch {} --plain", reader.run),
            details=[output.said(dashboard.fault)],
        )
    if code is None:
        return dashboard.return_code or None
    failure = dashboard.snapshot.failure
    word = "done" if code == 0 else failure.state if failure is not None else ending.KILLED
    columns, ended = _columns(), dashboard.snapshot
    output.notes(summary(ended, word, folder=ending.near(reader.run), columns=columns))
    after = ending.lines(reader.run, ended, held=False, columns=less(columns, "  "))
    output.notes(f"  {line}" for line in after)
    return code


_SHOWN: dict[Face, Callable[[Reader, int], int | None]] = {
    "dashboard": _dashboard, "plain": _plain, "json": _json
}  # fmt: skip
