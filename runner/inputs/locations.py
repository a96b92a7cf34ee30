"""The paths of a lock's local inputs on this machine, which the lock itself does not contain.

An input on the Hub can have a path too: that of a local copy.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path

from lockfiles import intent, text
from lockfiles.errors import StaleLock, UsageProblem
from lockfiles.files import at_home, length_problem, path_problem
from lockfiles.fixes import Advice, Command, Option
from lockfiles.harmless import one_line
from lockfiles.lock import Data, Lock, TrainingLock
from planner.interview.answers import Answers, check
from planner.plan.provenance import intent_digest

LOCATIONS = "locations.toml"
"""A file next to the lock, not under version control: `name = "path"` for each logical name."""
MOST_SHOWN_CHARS = 100
"""Maximum characters shown of a wrong name."""
_KEYS = {
    "model": "model.source",
    "template": "model.template",
    "train": "data.train",
    "validation": "data.validation",
    "test": "data.test",
    "general": "data.general",
}
"""Logical name to the key of `run.toml` that gives its path."""


def wanted(lock: Lock) -> list[str]:
    """Return the logical names of the local inputs that a lock has."""
    template = [lock.template.source] if isinstance(lock, TrainingLock) else []
    sources = [lock.model.source, *template, *(part.source for part in lock.splits)]
    local = [source.removeprefix("local:") for source in sources if source.startswith("local:")]
    return list(dict.fromkeys(local))


def name_of(part: Data) -> str:
    """Return the logical name of the file that a split of the rows came from."""
    if part.source.startswith("local:"):
        return part.source.removeprefix("local:")
    return "train" if part.split == "validation" and part.fraction else part.split


def on_hub(lock: Lock) -> list[str]:
    """Return the logical names of the rows that a lock has on the Hub."""
    parts = [part for part in lock.splits if part.source.startswith("hf:")]
    return list(dict.fromkeys(name_of(part) for part in parts))


def find(lock: Lock, at: Path, located: Mapping[str, Path]) -> dict[str, Path]:
    """Return the absolute path of each local input, by logical name.

    `at` is the lock's file. `located` wins, then `locations.toml` next to it, then its intent:
    `NAME.toml` next to `NAME.lock`, else a `run.toml` there that it was planned from. Inputs on the
    Hub are included only if `located` or `locations.toml` names them. Raises StaleLock if its
    `NAME.toml` has changed since it was locked, and UsageProblem for a name that is unknown or has
    no path.
    """
    found = known(lock, at, located)
    check_all_known(lock, found)
    return found


def check_all_known(lock: Lock, found: Mapping[str, Path]) -> None:
    """Raise UsageProblem if a local input of a lock has no path in `found`."""
    check_named(name for name in wanted(lock) if name not in found)


def check_named(missing: Iterable[str]) -> None:
    """Raise UsageProblem if any local inputs have no path."""
    if names := list(missing):
        raise UsageProblem(
            f"The lock needs {', '.join(f'`{name}`' for name in names)}, but no path is known for "
            f"{'it' if len(names) == 1 else 'them'}.",
            fix=Option(" ".join(["--locate {}"] * len(names)), *(f"{name}=PATH" for name in names)),
        )


def known(lock: Lock, at: Path, located: Mapping[str, Path]) -> dict[str, Path]:
    """Return the paths of the local inputs for which one is known; see `find`."""
    names, others, folder = wanted(lock), on_hub(lock), at.absolute().parent
    for name in located:
        if name not in (*names, *others):
            named = ", ".join(f"`{one}`" for one in (*names, *others)) or "none"
            raise UsageProblem(
                f"`{name}` is not a local input of this lock; its inputs are {named}.",
                fix=(
                    Option("--locate NAME=PATH", note="with one of those names"),
                    Advice("leave it out"),
                ),
            )
    answers = planned_from(lock, at)
    beside = _locations(folder / LOCATIONS)
    found = {
        name: located.get(name) or beside.get(name) or _answered(answers, name) for name in names
    } | {name: located.get(name) or beside.get(name) for name in others}
    return {name: _resolved(folder, place) for name, place in found.items() if place}


def _resolved(folder: Path, place: Path) -> Path:
    shown = one_line(place, most=MOST_SHOWN_CHARS)
    whole = folder / at_home(place)
    if wrong := path_problem(str(place)) or length_problem(str(whole)):
        raise UsageProblem(f"`{shown}` {wrong}.", fix=Option("--locate NAME=PATH"))
    try:
        return whole.resolve()
    except (OSError, RuntimeError) as problem:  # RuntimeError: a loop of links
        reason = getattr(problem, "strerror", None) or "its symbolic links form a loop"
        raise UsageProblem(
            f"The path `{shown}` cannot be used: {reason}.", fix=Command("ls -ld {}", shown)
        ) from None


def check_fresh(lock: Lock, answers: Answers, *, at: Path, intent: Path) -> None:
    """Raise StaleLock if the answers differ from those that the lock was planned from.

    `at` and `intent` are the paths of the lock and of `run.toml`, for the message.
    """
    if not _is_fresh(lock, answers):
        again = (
            "tunelock plan {}" if at == intent.with_suffix(".lock") else "tunelock plan {} --out {}"
        )
        files = (intent, at)[: again.count("{}")]
        raise StaleLock(
            f"`{at}` no longer matches `{intent}`.",
            fix=Command(again, *files, note="add `--dry-run` to see what would change"),
        )


def _is_fresh(lock: Lock, answers: Answers) -> bool:
    return intent_digest(answers, local_model=not lock.model.commit) == lock.intent.digest


def planned_from(lock: Lock, at: Path) -> Answers | None:
    """Return the answers that the lock in the file `at` was planned from: those of `NAME.toml` next
    to `NAME.lock`, else of a `run.toml` there that is the one; None without it.

    Raises StaleLock if its `NAME.toml` has changed since it was locked.
    """
    own = at.with_suffix(".toml")
    answers = _answers(own)
    if answers is not None:
        check_fresh(lock, answers, at=at, intent=own)
        return answers
    answers = _answers(at.with_name("run.toml"))
    return answers if answers is not None and _is_fresh(lock, answers) else None


def _answers(path: Path) -> Answers | None:
    if not _is_there(path):
        return None
    raw = intent.read(path)
    return check(raw.values, raw.lines, name=raw.name)


def _answered(answers: Answers | None, name: str) -> Path | None:
    value = answers.text(_KEYS[name]) if answers and name in _KEYS else ""
    return Path(value) if value else None


def _is_there(path: Path) -> bool:
    """Return whether a path exists, or cannot be checked: then whoever reads it reports why."""
    try:
        return path.exists()
    except OSError:
        return True


def _locations(path: Path) -> dict[str, Path]:
    if not _is_there(path):
        return {}
    table = text.parse(text.read(path), name=str(path))
    for name, value in table.items():
        if name not in _KEYS:
            raise UsageProblem(
                f"`{one_line(name, most=MOST_SHOWN_CHARS)}` in `{path}` is not a local input.",
                fix=Advice(f"use one of {', '.join(f'`{one}`' for one in _KEYS)}"),
            )
        wrong = path_problem(value) if isinstance(value, str) else "must be a path in quotes"
        if wrong:
            raise UsageProblem(
                f"`{name}` in `{path}` {wrong}.", fix=Advice(f'write `{name} = "PATH"` in `{path}`')
            )
    return {name: Path(str(value)) for name, value in table.items()}
