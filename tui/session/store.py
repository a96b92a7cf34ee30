"""The saved draft, and atomic writes of every file of the wizard."""

import json
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from lockfiles import files
from lockfiles.errors import UsageProblem
from lockfiles.fixes import Advice, Command
from planner.interview.answers import check
from planner.interview.questions import BY_KEY, QUESTIONS
from planner.questions.question import normal
from tui.session.draft import STEPS, Draft, fresh

_NEEDED = {question.key for question in QUESTIONS if question.required and not question.default}
"""Answers that a run requires; the wizard asks for them if a file lacks them."""

_VERSION = 1
_MAX_BYTES = 4 * files.MIB


def draft_path(folder: Path, answers_file: str) -> Path:
    """Return the path of the draft of `answers_file`."""
    return folder / f".{answers_file}.draft"


def keep(draft: Draft, folder: Path, answers_file: str) -> None:
    """Save a draft with answers, and remove one without."""
    if draft.touched:
        save(draft, folder, answers_file)
    else:
        forget(folder, answers_file)


def save(draft: Draft, folder: Path, answers_file: str) -> None:
    """Save a draft, readable only by its owner. Raises UsageProblem if it cannot be written."""
    given = {q.key: draft.values[q.key] for q in QUESTIONS if draft.values[q.key] != q.default}
    state = {
        "version": _VERSION,
        "current": draft.current,
        "passed": [step for step in STEPS if step in draft.passed],
        "stale": [step for step in STEPS if step in draft.stale],
        "values": given,
    }
    put(
        {draft_path(folder, answers_file): json.dumps(state, indent=2, ensure_ascii=False) + "\n"},
        mode=0o600,
        durable=False,
    )


def restore(folder: Path, answers_file: str) -> Draft | None:
    """Return the saved draft of `answers_file`, or None if there is no readable one.

    An answer that the questions do not accept falls back to its default. A file that is too large,
    a link, or not regular is not read.
    """
    try:
        content = files.read_bounded(draft_path(folder, answers_file), _MAX_BYTES, follow=False)
    except (OSError, UsageProblem):
        return None
    from tui.session.saved_draft import SavedDraft  # imports pydantic: only if there is a draft

    try:
        saved = SavedDraft.model_validate_json(content)
    except ValueError:
        return None
    if saved.current not in STEPS:
        return None
    return replace(
        fresh(_valid(saved.values)),
        current=saved.current,
        passed=frozenset(saved.passed).intersection(STEPS),
        stale=frozenset(saved.stale).intersection(STEPS),
    )


def forget(folder: Path, answers_file: str) -> None:
    """Remove the draft of `answers_file`, if there is one."""
    draft_path(folder, answers_file).unlink(missing_ok=True)


def check_writable(folder: Path) -> None:
    """Raise UsageProblem if files cannot be created in `folder`."""
    if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
        raise UsageProblem(
            f"`{folder}` is not a writable folder.",
            fix=Advice("change to a folder of your own with `cd`"),
        )


def put(texts: Mapping[Path, str], *, mode: int = 0o666, durable: bool = True) -> None:
    """Write several files: all to temporary files first, then rename each into place.

    The umask is applied to `mode`; `durable` flushes them to disk. Raises UsageProblem if one
    cannot be written; the previous files are then unchanged.
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


def _valid(values: Mapping[str, object]) -> dict[str, object]:
    """Return the values that their questions accept."""
    valid: dict[str, object] = {}
    for key, value in values.items():
        try:
            valid[key] = normal(BY_KEY[key], value)
        except (KeyError, ValueError):
            continue
    return valid


def first_draft(folder: Path, answers_file: str) -> Draft:
    """Return a draft with the answers in `answers_file`; without any if there is no such file."""
    path = folder / answers_file
    if not path.exists():
        return fresh()
    from lockfiles import intent

    raw = intent.read(path)
    unanswered = dict.fromkeys(_NEEDED - set(raw.values), "-")
    answers = check(unanswered | dict(raw.values), raw.lines)
    return fresh(dict(answers) | dict.fromkeys(unanswered, ""))
