"""Where the local inputs of a lock lie, and which of the three places that say so wins."""

from pathlib import Path

import pytest

from lockfiles import intent
from lockfiles.errors import StaleLock, UsageProblem
from lockfiles.harmless import is_harmless
from lockfiles.lock import Lock
from planner.interview.answers import given
from planner.plan.gather import gather
from planner.plan.plan import plan
from runner.demo import files
from runner.inputs import locations
from tests.planned import MACHINE, answers


@pytest.fixture(scope="module")
def lock(tmp_path_factory: pytest.TempPathFactory) -> Lock:
    made = tmp_path_factory.mktemp("planned")
    files.write(made)
    return plan(answers(), gather(answers(), made, machine=MACHINE))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the `run.toml` that was locked, and nothing else."""
    return write(tmp_path)


def write(folder: Path, **changes: object) -> Path:
    """Write the demo's `run.toml` with some answers changed."""
    (folder / "run.toml").write_text(intent.write(given(answers(**changes))), "utf-8")
    return folder


def test_the_local_inputs_of_a_lock_have_logical_names(lock: Lock) -> None:
    assert locations.wanted(lock) == ["model", "train", "test"]


def test_the_intent_beside_the_lock_says_where_they_lie(lock: Lock, folder: Path) -> None:
    found = locations.find(lock, folder / "run.lock", {})
    assert found == {
        "model": folder / "base",
        "train": folder / "rows" / "train.jsonl",
        "test": folder / "rows" / "test.jsonl",
    }


def test_the_command_line_wins_then_the_locations_then_the_intent(lock: Lock, folder: Path) -> None:
    (folder / locations.LOCATIONS).write_text('model = "/mnt/a"\ntrain = "far/train.jsonl"\n')
    found = locations.find(lock, folder / "run.lock", {"model": Path("/mnt/b")})
    assert found == {
        "model": Path("/mnt/b"),
        "train": folder / "far" / "train.jsonl",
        "test": folder / "rows" / "test.jsonl",
    }


def test_the_home_folder_may_be_named(
    lock: Lock, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", "/home/someone")
    (folder / locations.LOCATIONS).write_text('model = "~/base"\n')
    assert locations.find(lock, folder / "run.lock", {})["model"] == Path("/home/someone/base")


def test_paths_may_change_without_making_the_lock_stale(lock: Lock, folder: Path) -> None:
    write(folder, data__train="/elsewhere/rows.jsonl", model__source="./moved")
    found = locations.find(lock, folder / "run.lock", {})
    assert (found["train"], found["model"]) == (Path("/elsewhere/rows.jsonl"), folder / "moved")


@pytest.mark.parametrize(
    "changes", [{"train__epochs": 5}, {"data__test": ""}, {"results__push_to": "someone/tuned"}]
)
def test_an_intent_that_was_edited_makes_the_lock_stale(
    lock: Lock, folder: Path, changes: dict[str, object]
) -> None:
    write(folder, **changes)
    with pytest.raises(StaleLock, match=r"run\.lock` no longer matches `.*run\.toml`") as stale:
        locations.find(lock, folder / "run.lock", {})
    assert stale.value.exit_code == 3
    assert f"`tunelock plan {folder / 'run.toml'}`" in stale.value.hint


def test_each_lock_has_the_intent_of_its_own_name(lock: Lock, folder: Path) -> None:
    (folder / "big.toml").write_text((folder / "run.toml").read_text("utf-8"), "utf-8")
    write(folder, train__epochs=5)
    assert locations.find(lock, folder / "big.lock", {})["model"] == folder / "base"
    with pytest.raises(StaleLock):
        locations.find(lock, folder / "run.lock", {})


def test_a_lock_of_another_name_is_found_by_what_it_was_planned_from(
    lock: Lock, folder: Path
) -> None:
    assert locations.find(lock, folder / "other.lock", {})["model"] == folder / "base"
    write(folder, train__epochs=5)
    with pytest.raises(UsageProblem, match="no path is known for them"):
        locations.find(lock, folder / "other.lock", {})


def test_an_unknown_name_is_refused(lock: Lock, folder: Path) -> None:
    with pytest.raises(UsageProblem, match="its inputs are `model`, `train`, `test`") as unknown:
        locations.find(lock, folder / "run.lock", {"trian": Path("rows.jsonl")})
    assert "`trian`" in unknown.value.message
    assert "--locate" in unknown.value.hint


def test_a_name_that_nothing_places_is_refused(lock: Lock, tmp_path: Path) -> None:
    with pytest.raises(
        UsageProblem, match="needs `train`, `test`, but no path is known for them"
    ) as unplaced:
        locations.find(lock, tmp_path / "run.lock", {"model": Path("/base")})
    assert unplaced.value.hint == "add `--locate train=PATH --locate test=PATH`"


def test_a_location_that_is_no_path_is_refused(lock: Lock, folder: Path) -> None:
    (folder / locations.LOCATIONS).write_text("model = 1\n")
    with pytest.raises(UsageProblem, match="must be a path in quotes") as wrong:
        locations.find(lock, folder / "run.lock", {})
    assert wrong.value.hint


def test_an_unknown_location_is_refused(lock: Lock, folder: Path) -> None:
    (folder / locations.LOCATIONS).write_text('trian = "rows.jsonl"\n')
    with pytest.raises(UsageProblem, match="`trian`"):
        locations.find(lock, folder / "run.lock", {})


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("x" * 5000, "must be a path of at most 4,095 bytes"),
        ("x/" * 2040, "must be a path of at most 4,095 bytes"),
        ("x" * 300, "must be a path with names of at most 255 bytes"),
        ("a\nerror: forged", "must be a path without control characters"),
        ("circle", "cannot be used"),
    ],
)
def test_a_path_that_no_file_can_have_is_one_sentence(
    lock: Lock, folder: Path, path: str, said: str
) -> None:
    deep = folder.joinpath(*["d" * 100] * 2)
    deep.mkdir(parents=True)
    (deep / "circle").symlink_to("circle")
    with pytest.raises(UsageProblem) as wrong:
        locations.find(lock, deep / "run.lock", {"model": Path(path)})
    assert said in wrong.value.message and len(wrong.value.message) < 400
    assert "\n" not in wrong.value.message


def test_a_home_that_there_is_not_is_no_place_but_no_error_here(lock: Lock, folder: Path) -> None:
    found = locations.find(lock, folder / "run.lock", {"model": Path("~no-such-user/base")})
    assert found["model"] == folder / "~no-such-user" / "base"


@pytest.mark.parametrize("text", ['"a\\nb" = "x"', 'model = "a\\u0000"', "model = 2024-01-01"])
def test_locations_are_held_to_paths(lock: Lock, folder: Path, text: str) -> None:
    (folder / locations.LOCATIONS).write_text(text)
    with pytest.raises(UsageProblem) as wrong:
        locations.find(lock, folder / "run.lock", {})
    assert is_harmless(wrong.value.message.replace(str(folder), ""))


def test_a_name_that_no_plan_writes_needs_a_path(lock: Lock, folder: Path) -> None:
    model = lock.model.model_copy(update={"source": "local:UNKNOWN"})
    other = lock.model_copy(update={"model": model})
    with pytest.raises(UsageProblem, match="`UNKNOWN`"):
        locations.find(other, folder / "run.lock", {})
