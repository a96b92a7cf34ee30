"""A draft's transitions, and the file it is kept in."""

import os
import stat
from pathlib import Path

import pytest

from lockfiles.errors import UsageProblem
from tests.tui.wizard.samples import answered
from tui.session import store
from tui.session.draft import STEPS, answer, back, fresh, going, passing, reachable


def test_going_on_passes_the_step_and_going_back_keeps_that() -> None:
    draft = passing(passing(fresh()))
    assert (draft.current, sorted(draft.passed)) == ("model", ["data", "goal"])
    assert (back(draft).current, back(draft).passed) == ("data", draft.passed)
    assert back(fresh()).current == "goal"


def test_steps_ahead_are_reachable_only_once_those_before_are_passed() -> None:
    draft = passing(fresh())
    assert reachable(draft, "goal") and reachable(draft, "data")
    assert not reachable(draft, "model")
    assert going(draft, "goal").current == "goal"


def test_a_changed_answer_makes_stale_what_was_built_on_it() -> None:
    draft = answered()
    for _ in STEPS[:-1]:
        draft = passing(draft)
    changed = answer(draft, "model.source", "another")
    assert changed.stale == {"machine", "method", "results"}
    assert changed.values["model.source"] == "another"
    seen = passing(going(changed, "machine"))
    assert seen.stale == {"method", "results"}


def test_the_same_answer_again_and_steps_never_seen_are_not_stale() -> None:
    draft = passing(answered())
    assert answer(draft, "data.train", "rows/train.jsonl") is draft
    assert answer(draft, "data.train", "other.jsonl").stale == frozenset()


def test_a_draft_comes_back_as_it_was_kept(tmp_path: Path) -> None:
    draft = answer(passing(passing(answered())), "data.system", "Be brief: “ja”.")
    store.keep(draft, tmp_path, "run.toml")
    assert store.restore(tmp_path, "run.toml") == draft
    mode = store.draft_path(tmp_path, "run.toml").stat().st_mode
    assert stat.S_IMODE(mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == [".run.toml.draft"]


@pytest.mark.parametrize("kind", ["pipe", "device", "large", "another's"])
def test_what_a_stranger_left_in_place_of_a_draft_is_none(kind: str, tmp_path: Path) -> None:
    at, target = store.draft_path(tmp_path, "run.toml"), tmp_path / "target"
    target.write_text("theirs")
    if kind == "pipe":
        os.mkfifo(at)
    elif kind == "large":
        at.touch()
        os.truncate(at, 1 << 40)
    else:
        at.symlink_to("/dev/zero" if kind == "device" else target)
    assert store.restore(tmp_path, "run.toml") is None
    at.with_name(f".{at.name}.{os.getpid()}.tmp").symlink_to(target)
    store.keep(answered(), tmp_path, "run.toml")
    assert store.restore(tmp_path, "run.toml") == answered()
    assert target.read_text() == "theirs"


def test_nothing_answered_keeps_no_draft(tmp_path: Path) -> None:
    store.keep(answered(), tmp_path, "run.toml")
    store.keep(fresh(), tmp_path, "run.toml")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("text", ["", "{", "[]", '{"version": 2}', '{"version": 1, "current": 3}'])
def test_a_broken_draft_is_no_draft(tmp_path: Path, text: str) -> None:
    store.draft_path(tmp_path, "run.toml").write_text(text)
    assert store.restore(tmp_path, "run.toml") is None


def test_answers_that_are_none_any_more_fall_back(tmp_path: Path) -> None:
    store.keep(answered(goal__change="elsewhere"), tmp_path, "run.toml")
    text = store.draft_path(tmp_path, "run.toml").read_text()
    store.draft_path(tmp_path, "run.toml").write_text(text.replace("goal.name", "goal.nome"))
    restored = store.restore(tmp_path, "run.toml")
    assert restored is not None
    assert restored.values["goal.change"] == "behavior"
    assert restored.values["goal.name"] == "tuned"


def test_files_are_written_whole_or_not_at_all(tmp_path: Path) -> None:
    kept = tmp_path / "run.toml"
    kept.write_text("before")
    with pytest.raises(UsageProblem, match="cannot be written"):
        store.put({kept: "after", tmp_path / "missing" / "run.lock": "after"})
    assert kept.read_text() == "before"
    assert [path.name for path in tmp_path.iterdir()] == ["run.toml"]


def test_a_folder_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageProblem, match="not a writable folder"):
        store.check_writable(tmp_path / "missing")
