"""A run as plain lines of text: for logs, screen readers and simple terminals."""

import math
import time
from collections.abc import Callable, Iterable

from lockfiles.harmless import named, one_line
from lockfiles.measured import against_prediction
from runner.runs.events import Event
from tui.snapshot import RUN, Artifact, Snapshot, fold
from tui.terminal.fit import first_fitting, left_out, less, sentence
from tui.terminal.units import memories, size
from tui.terminal.units import memory as amount

_SHOWN_CHARACTERS = 200
_STAGE_CHARS = 24
_MIN_INTERVAL_SECONDS = 1.0
"""Least time between two prints of frequent events."""
_OWN_UNITS = ("bytes", "seconds")
"""Units that are converted for display: `4.1 MB`, `2 min`."""
_STEP_LEAST = (2, 4, 3, 5, 1)
"""What is left out first where a step's line is too long: learning rate, memory, speed, time left,
loss."""
FREQUENT = ("step", "progress")
"""Kinds of events that can come many times a second."""


class Narrator:
    """Turns events into lines, in order.

    Of steps and progress between two other events, it prints at most one per second, and the last.
    """

    def __init__(
        self,
        snapshot: Snapshot,
        *,
        clock: Callable[[], float] = time.monotonic,
        columns: Callable[[], int | None] = lambda: None,
    ) -> None:
        self.snapshot = snapshot
        """The run after the events so far."""
        self._clock, self._columns = clock, columns
        self._last_printed_at = -math.inf
        self._pending_lines: list[str] = []

    def narrate(self, events: Iterable[Event]) -> list[str]:
        """Return the lines to print for `events`.

        Lines of frequent events are held back, and only the latest are printed: before the next
        other event, or once `_MIN_INTERVAL_SECONDS` have passed since lines were printed. With no
        events, lines that are due are returned; `flush` returns held-back lines without waiting.
        """
        output: list[str] = []
        columns = self._columns()
        for event in events:
            self.snapshot = fold(self.snapshot, [event])
            if event.kind in FREQUENT:
                found = lines(event, self.snapshot, columns)
                self._pending_lines = found or self._pending_lines
                continue
            output += self.flush() + lines(event, self.snapshot, columns)
        if self._clock() - self._last_printed_at >= _MIN_INTERVAL_SECONDS:
            output += self.flush()
        return output

    def flush(self) -> list[str]:
        """Return the lines that are held back, and forget them."""
        pending, self._pending_lines = self._pending_lines, []
        if pending:
            self._last_printed_at = self._clock()
        return pending


def lines(event: Event, snapshot: Snapshot, columns: int | None = None) -> list[str]:
    """Return the lines for one event; `snapshot` is the run after it.

    They fit `columns`, if given, except for words that are longer, paths and hints.
    """
    stage = named(clean(event.stage, _STAGE_CHARS))
    body = _BODIES.get(event.kind, _nothing)(event, snapshot, less(columns, stage, "  "))
    first = [f"{stage}  {line}" for line in body[:1]]
    return first + [f"{' ' * len(stage)}  {line}" for line in body[1:]]


def clean(text: object, limit: int = _SHOWN_CHARACTERS) -> str:
    """Return text on one line with every character visible, truncated to `limit` characters."""
    return one_line(one_line(text, most=limit), most=limit)


def duration(seconds: float) -> str:
    """Return a duration in one unit: `45 s`, `2 min`, `3.1 h`, `2.4 d`."""
    if not math.isfinite(seconds) or seconds < 0:
        return "?"
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    if seconds < 99.5:
        return f"{seconds:.0f} s"
    if seconds < 99.5 * 60:
        return f"{seconds / 60:.0f} min"
    if seconds < 47.95 * 3600:
        return f"{seconds / 3600:.1f} h"
    return f"{seconds / 86400:.1f} d"


def percent(share: float) -> str:
    """Return a share from 0 to 1 as `92.5 %`."""
    return f"{100 * share:.1f} %"


def memory(snapshot: Snapshot) -> str:
    """Return `peak 0.71 of 0.74 GiB`, or the known part of it."""
    if snapshot.peak_bytes is None:
        return ""
    known = [snapshot.peak_bytes]
    known += [] if snapshot.predicted_bytes is None else [snapshot.predicted_bytes]
    numbers, unit = memories(*known)
    return f"peak {' of '.join(numbers)} {unit}"


def measured(snapshot: Snapshot) -> str:
    """Return `peak 0.76 GiB, measured 2.8% above the prediction`, or the known part of it."""
    peak, predicted = snapshot.peak_bytes, snapshot.predicted_bytes
    if not peak or not predicted:
        return memory(snapshot)
    return f"peak {amount(peak)}, {against_prediction(peak, predicted)}"


def rate(learning_rate: float) -> str:
    """Return a learning rate as `1.6e-3`."""
    mantissa, _, exponent = f"{learning_rate:.1e}".partition("e")
    return f"{mantissa}e{int(exponent)}" if exponent and learning_rate else "0"


def step_words(snapshot: Snapshot, columns: int | None = None) -> str:
    """Return the last step's number, loss, learning rate, speed, memory and time left; of these
    what fits `columns`, if given."""
    of = f"/{snapshot.steps}" if snapshot.steps is not None else ""
    loss, lr = snapshot.loss, snapshot.learning_rate
    speed, left = snapshot.tokens_per_second, snapshot.eta_seconds
    words = [
        f"step {snapshot.step}{of}",
        "" if loss is None else f"loss {loss:.3f}",
        "" if lr is None else f"lr {rate(lr)}",
        "" if speed is None else f"{speed:,.0f} tok/s",
        memory(snapshot),
        "" if left is None else f"{duration(left)} left",
    ]
    return first_fitting(left_out(words, _STEP_LEAST), columns)


def progress_words(snapshot: Snapshot, columns: int | None = None) -> str:
    """Return text such as `downloading 0.71 GB of 3.09 GB`, or of it what fits `columns`, if given;
    empty without progress. An activity of one piece is named without an amount."""
    progress = snapshot.progress
    if progress is None:
        return ""
    if progress.total == 1 and not progress.done:
        return clean(progress.what, 60)
    total = "" if progress.total is None else f" of {_amount(progress.total, progress.unit)}"
    unit = "" if progress.unit in _OWN_UNITS else clean(progress.unit, 20)
    what = clean(progress.what, 60)
    done = f"{what} {_amount(progress.done, progress.unit)}"
    return first_fitting((f"{done}{total} {unit}".strip(), f"{done}{total}", done, what), columns)


def artifact_words(artifact: Artifact, path: str, columns: int | None = None) -> str:
    """Return what an artifact is, its path and its size; where that does not fit `columns`, without
    its size, and then with the path in the run folder."""
    what = clean(artifact.what)
    words, inside = f"{what}: {clean(path)}", f"{what}: {clean(artifact.path)}"
    bytes_ = f"  {size(artifact.size_bytes)}" if artifact.size_bytes else ""
    return first_fitting((f"{words}{bytes_}", words, f"{inside}{bytes_}", inside), columns)


def _amount(value: float, unit: str) -> str:
    if not math.isfinite(value):
        return "?"
    if unit == "bytes":
        return size(int(value))
    return duration(value) if unit == "seconds" else f"{value:,.0f}"


def _nothing(event: Event, snapshot: Snapshot, columns: int | None) -> list[str]:
    return []


def _started(event: Event, snapshot: Snapshot, columns: int | None) -> list[str]:
    if event.stage == RUN:
        names = ", ".join(clean(stage.name) for stage in snapshot.stages)
        return sentence(f"stages: {names}", columns)
    what = event.fields.get("what")
    return sentence(f"started: {clean(what)}" if what else "started", columns)


def _progress(event: Event, snapshot: Snapshot, columns: int | None) -> list[str]:
    within = event.fields.get("stop_within_seconds")
    if isinstance(within, int | float):
        return [f"stopping at the next step, within {duration(within)}"]
    words = progress_words(snapshot, columns)
    return [words] if words else []


def _done(event: Event, snapshot: Snapshot, columns: int | None) -> list[str]:
    seconds = event.fields.get("seconds")
    return [f"done in {duration(seconds)}" if isinstance(seconds, int | float) else "done"]


def _failed(event: Event, snapshot: Snapshot, columns: int | None) -> list[str]:
    failure = snapshot.failure
    if failure is None:
        return []
    lines = sentence(f"{failure.state}: {clean(failure.message) or 'no reason given'}", columns)
    for line in failure.details:
        lines += sentence(f"  {clean(line)}", columns)
    return lines + ([f"hint: {clean(failure.hint)}"] if failure.hint else [])


def _step(event: Event, snapshot: Snapshot, columns: int | None) -> list[str]:
    return [step_words(snapshot, columns)] if snapshot.step is not None else []


def _evaluation(event: Event, snapshot: Snapshot, columns: int | None) -> list[str]:
    words = ["evaluation"]
    words += [f"{clean(event.fields['model'])} model"] if "model" in event.fields else []
    for name, form in (("accuracy", percent), ("loss", "{:.3f}".format), ("rows", "{:,}".format)):
        value = event.fields.get(name)
        if isinstance(value, int | float):
            words.append(f"{form(value)} rows" if name == "rows" else f"{name} {form(value)}")
    least = range(len(words) - 1, 1, -1)
    return [first_fitting(left_out(words, least), columns)]


def _checkpoint(event: Event, snapshot: Snapshot, columns: int | None) -> list[str]:
    return [f"checkpoint at step {clean(event.fields.get('step', '?'))}"]


def _sample(event: Event, snapshot: Snapshot, columns: int | None) -> list[str]:
    if not snapshot.samples:  # the supervisor itself has no samples
        return []
    sample = snapshot.samples[-1]
    said = [
        f"sample ({clean(sample.source)}): {clean(sample.prompt)}",
        f"  answer: {clean(sample.answer)}",
        f"  expected: {clean(sample.wanted)}",
    ]
    return [piece for line in said for piece in sentence(line, columns)]


def _warning(event: Event, snapshot: Snapshot, columns: int | None) -> list[str]:
    return sentence(f"warning: {clean(event.fields.get('text', ''))}", columns)


def _artifact(event: Event, snapshot: Snapshot, columns: int | None) -> list[str]:
    if not snapshot.artifacts:
        return []
    artifact = snapshot.artifacts[-1]
    return [artifact_words(artifact, artifact.path, columns)]


_BODIES: dict[str, Callable[[Event, Snapshot, int | None], list[str]]] = {
    "started": _started, "progress": _progress, "done": _done, "failed": _failed, "step": _step,
    "evaluation": _evaluation, "checkpoint": _checkpoint, "sample": _sample,
    "warning": _warning, "artifact": _artifact,
}  # fmt: skip
