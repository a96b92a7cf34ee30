"""The draft on disk, and every file that the wizard writes: complete, or not there."""

import json
import os
from collections.abc import Mapping
from pathlib import Path

from lockfiles import files
from lockfiles.errors import UsageProblem
from lockfiles.fixes import Advice, Command
from planner.interview.answers import check
from planner.interview.questions import BY_KEY, QUESTIONS
from planner.questions.question import normal
from tui.session.draft import STEPS, Draft, fresh

_NEEDED = {question.key for question in QUESTIONS if question.required and not question.default}
"""Answers that a run cannot do without; the wizard asks for those that a file lacks."""

_VERSION = 1
_MOST_BYTES = 4 * files.MIB


def place(folder: Path, out: str) -> Path:
    """Return where the draft of `out` is kept."""
    return folder / f".{out}.draft"


def keep(draft: Draft, folder: Path, out: str) -> None:
    """Save a draft that holds something, and forget one that does not."""
    if draft.touched:
        save(draft, folder, out)
    else:
        forget(folder, out)


def save(draft: Draft, folder: Path, out: str) -> None:
    """Keep a draft, readable by its owner alone. Raises UsageProblem where it cannot be."""
    given = {q.key: draft.values[q.key] for q in QUESTIONS if draft.values[q.key] != q.default}
    state = {
        "version": _VERSION,
        "current": draft.current,
        "passed": [step for step in STEPS if step in draft.passed],
        "stale": [step for step in STEPS if step in draft.stale],
        "values": given,
    }
    put(
        {place(folder, out): json.dumps(state, indent=2, ensure_ascii=False) + "\n"},
        mode=0o600,
        durable=False,
    )


def restore(folder: Path, out: str) -> Draft | None:
    """Return the draft kept for `out`, or None where there is none that can be read.

    An answer that today's questions do not take falls back to its default. What is no plain file,
    or too large, is none.
    """
    try:
        content = files.read_bounded(place(folder, out), _MOST_BYTES, follow=False)
    except (OSError, UsageProblem):
        return None
    from tui.session.kept import Kept

    try:
        kept = Kept.model_validate_json(content)
    except ValueError:
        return None
    if kept.current not in STEPS:
        return None
    passed, stale = (frozenset(steps) & frozenset(STEPS) for steps in (kept.passed, kept.stale))
    return Draft(fresh(_known(kept.values)).values, kept.current, passed, stale)


def forget(folder: Path, out: str) -> None:
    """Remove the draft of `out`, if there is one."""
    place(folder, out).unlink(missing_ok=True)


def check_writable(folder: Path) -> None:
    """Raise UsageProblem where files cannot be made in `folder`."""
    if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
        raise UsageProblem(
            f"`{folder}` is not a folder that can be written.",
            fix=Advice("go into a folder of your own with `cd`"),
        )


def put(texts: Mapping[Path, str], *, mode: int = 0o666, durable: bool = True) -> None:
    """Write some files: all to temporary files first, then each renamed into place.

    `mode` is what the umask is taken from; `durable` waits until the disk has them. Raises
    UsageProblem where one cannot be written, and then the files that were there before still are.
    """
    try:
        files.write_together(
            {path: text.encode() for path, text in texts.items()},
            mode=mode,
            durable=durable,
            shared=True,
        )
    except OSError as problem:
        names = ", ".join(f"`{path.name}`" for path in texts)
        raise UsageProblem(
            f"{names} cannot be written: {problem.strerror}.",
            fix=Command("df -h . && ls -ld ."),
        ) from None


def _known(values: Mapping[str, object]) -> dict[str, object]:
    known: dict[str, object] = {}
    for key, value in values.items():
        try:
            known[key] = normal(BY_KEY[key], value)
        except (KeyError, ValueError):
            continue
    return known


def first_draft(folder: Path, out: str) -> Draft:
    """Return a draft with the answers of `out`, or with none where there is no such file."""
    path = folder / out
    if not path.exists():
        return fresh()
    from lockfiles import intent

    raw = intent.read(path)
    unanswered = dict.fromkeys(_NEEDED - set(raw.values), "-")
    answers = check(unanswered | dict(raw.values), raw.lines)
    return fresh(dict(answers) | dict.fromkeys(unanswered, ""))
