"""What to do after a run: where its report and files are, how to use them, how to resume it."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from lockfiles import files
from lockfiles.errors import UsageProblem
from lockfiles.fixes import Command
from runner.runs.folder import LOCK
from tui.snapshot import Snapshot
from tui.snapshot.narrator import clean
from tui.terminal.fit import call, first_fitting, sentence, shell

if TYPE_CHECKING:
    from lockfiles.lock import Lock
    from lockfiles.receipt import Receipt

REPORT = "report.html"
KILLED = "killed"
"""A run whose processes ended without an event, as after `kill -9` or a restart."""
_KILLED_WORDS = (
    "its processes were killed (main memory ran out, or a login session or batch job ended), or "
    "this machine was restarted"
)
_RECEIPT = "receipt.json"
_MOST_LOCKS, _MOST_NAME_CHARS = 64, 40
_MOST_LOCK_BYTES = 4 * files.MIB


def near(path: Path) -> Path:
    """Return a path relative to the current folder if it is inside."""
    there = Path.cwd()
    return path.relative_to(there) if path.is_relative_to(there) else path


def was_killed(snapshot: Snapshot, *, held: bool) -> bool:
    """Return whether a run's processes ended without an event that says so."""
    begun = snapshot.last_time is not None
    return begun and not held and not snapshot.finished and snapshot.failure is None


def lines(run: Path, snapshot: Snapshot, *, held: bool, columns: int | None = None) -> list[str]:
    """Return what to do after a run that has ended; nothing for others.

    Sentences fit `columns`, if given; what may be copied is not wrapped.
    """
    if was_killed(snapshot, held=held):
        resuming = first_fitting(_resuming(run, snapshot), columns)
        return [*sentence(_KILLED_WORDS, columns), *shell(resuming, columns)]
    if held or not snapshot.finished:
        return []
    if snapshot.failure is not None:
        stopped = snapshot.failure.state == "stopped"
        return shell(f"resume: {resume_command(run)}", columns) if stopped else []
    found = read(run)
    if found is None:
        return []
    lock, made = found
    said = outcome_of(lock, made)[1:]
    return [
        *(piece for line in said for piece in sentence(line, columns)),
        *(
            piece
            for name, text in using(run, lock, made)
            for piece in fitted(name, f"{name}: {text}", columns)
        ),
    ]


def outcome_of(lock: "Lock", made: "Receipt") -> list[str]:
    """Return what the accuracy of a finished run means; nothing if it was not evaluated."""
    from lockfiles.lock import TrainingLock
    from planner.plan import outcome

    if not isinstance(lock, TrainingLock):
        return []
    return outcome.sentences(lock, made.evaluation)


def fitted(name: str, line: str, columns: int | None) -> list[str]:
    """Return the line of a name of `using` so that it fits, and can still be copied."""
    if name == "load":
        return call(line, columns)
    return shell(line, columns) if name == "try it" else [line]


def _resuming(run: Path, snapshot: Snapshot) -> tuple[str, str]:
    """Return how to resume a run that was killed: with the point from which, and without it."""
    stage = snapshot.current
    again = "resume"
    if stage is not None and stage.state != "done":
        point = snapshot.checkpoint if stage.trains else None
        name = clean(stage.name, _MOST_NAME_CHARS)
        again += f" after step {point}" if point is not None else f" (`{name}` starts over)"
    command = resume_command(run)
    return f"{again}: {command}", f"resume: {command}"


def resume_command(run: Path) -> str:
    """Return the command that resumes a run, with the lock that it was started from if that is in
    the current folder or next to the folder of its runs; else with its own copy."""
    runs = run.absolute().parent
    lock = near(_lock_of(run))
    if runs == Path.cwd() / "runs":
        return Command("tunelock run {}", lock).line
    return Command("tunelock run {} --runs {}", lock, near(runs)).line


def _lock_of(run: Path) -> Path:
    own = run / LOCK
    content = _content(own)
    folders = dict.fromkeys((Path.cwd(), run.absolute().parent.parent))
    found = (path for folder in folders for path in sorted(folder.glob("*.lock"))[:_MOST_LOCKS])
    return next((path for path in found if content and _content(path) == content), own)


def _content(path: Path) -> bytes:
    """Return the bytes of a regular file of a lock's size; none of any other."""
    try:
        return files.read_bounded(path, _MOST_LOCK_BYTES)
    except (OSError, UsageProblem):
        return b""


def read(run: Path) -> "tuple[Lock, Receipt] | None":
    """Return the lock and the receipt of a run folder; None if one cannot be read."""
    from lockfiles import lock, receipt
    from runner.runs.safe_folder import OwnFolder

    try:
        with OwnFolder.open(run, ours=False) as own:
            made = receipt.parse(own.read(_RECEIPT, receipt.LIMIT_BYTES), run / _RECEIPT)
            locked = own.read(LOCK, lock.LIMIT_BYTES)
        return lock.parse(locked.decode(), name=LOCK), made
    except (OSError, UsageProblem, UnicodeDecodeError):
        return None


def using(run: Path, lock: "Lock", receipt: "Receipt") -> Iterator[tuple[str, str]]:
    """Yield a name and a text for the report and for the way to use each kind of file."""
    folder, kinds = near(run), {stage.id: stage.kind for stage in lock.stage}
    if (run / REPORT).is_file():
        yield "report", str(folder / REPORT)
    first = {kinds.get(one.stage, ""): one for one in reversed(receipt.artifacts)}
    model = first.get("merge") or first.get("train")
    if model:
        place = repr(str(folder / model.path))
        whole = f"transformers.AutoModelForCausalLM.from_pretrained({place})"
        adapter = f"peft.PeftModel.from_pretrained(base_model, {place})"
        yield "load", adapter if model.what == "adapter" else whole
    if file := first.get("gguf"):
        yield "try it", Command("llama-cli -m {}", folder / file.path).line
