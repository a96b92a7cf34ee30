"""One byte, row or template that is another one is named and refused."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from lockfiles import lock as locks
from lockfiles.errors import DigestDiffers, UsageProblem
from lockfiles.lock import TrainingLock
from runner.inputs import finished, verify
from tests.planned import resealed
from tests.runner.inputs.locked import corpus, edit, found
from tests.runner.inputs.locked import folder as folder
from tests.runner.inputs.locked import lock as lock
from tests.runner.inputs.locked import planned as planned


def test_what_was_locked_holds(lock: TrainingLock, folder: Path) -> None:
    told: list[tuple[str, int, int, str]] = []
    verify.check_model(lock, folder / "base", lambda *call: told.append(call))
    rows = verify.corpus_of(lock, folder / "base", found(lock, folder), lambda *c: told.append(c))
    assert [part.tokens_sha256 for part in rows.parts] == [one.tokens_sha256 for one in lock.data]
    size = sum(file.size_bytes for file in lock.model.files)
    assert told[len(lock.model.files) - 1] == ("checking the model", size, size, "bytes")
    assert told[-1] == ("encoding test", 90, 90, "rows")


@pytest.mark.parametrize(
    ("table", "value", "stages"),
    [
        ("train", {"learning_rate": 1.0}, "`train`, `evaluate`, `merge`, `gguf`, `report`"),
        ("prediction", {"peak_bytes": 1}, "`report`"),
    ],
)
def test_a_lock_that_was_edited_by_hand_is_refused(
    lock: TrainingLock, table: str, value: dict[str, object], stages: str
) -> None:
    verify.check_whole(lock)
    edited = lock.model_copy(update={table: getattr(lock, table).model_copy(update=value)})
    with pytest.raises(DigestDiffers, match=f"its digests of {stages} do not match") as refused:
        verify.check_whole(edited)
    assert (refused.value.exit_code, "run.toml" in refused.value.hint) == (5, True)
    less = lock.integrity | {"train": "0" * 64}
    del less["report"]
    with pytest.raises(DigestDiffers, match="`train`, `report`"):
        verify.check_whole(lock.model_copy(update={"integrity": less}))


def test_one_changed_byte_of_the_weights_is_named(lock: TrainingLock, folder: Path) -> None:
    path = folder / "base" / "model.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(DigestDiffers) as differs:
        verify.check_model(lock, folder / "base")
    assert differs.value.exit_code == 5
    assert "1 field differs" in differs.value.sentence
    index = [file.name for file in lock.model.files].index("model.safetensors")
    assert f"model.files.{index}.sha256" in differs.value.sentence
    assert "model.safetensors" in differs.value.sentence
    assert differs.value.hint


def edit_row(folder: Path) -> None:
    edit(folder / "rows" / "train.jsonl", '"user", "content": "', '"user", "content": "x')


def add_row(folder: Path) -> None:
    path = folder / "rows" / "test.jsonl"
    path.write_text(path.read_text("utf-8") + path.read_text("utf-8").splitlines(True)[0], "utf-8")


def change_template(folder: Path) -> None:
    edit(folder / "base" / "chat_template.jinja", "{% for", " {% for")


def swap_rows(folder: Path) -> None:
    path = folder / "rows" / "train.jsonl"
    first, second, *rest = path.read_text("utf-8").splitlines(True)
    path.write_text("".join([second, first, *rest]), "utf-8")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (edit_row, "data.0.sha256"),
        (swap_rows, "data.0.sha256"),
        (add_row, "data.2.rows  90 → 91"),
        (change_template, "template.sha256"),
    ],
)
def test_another_row_or_template_is_named(
    lock: TrainingLock, folder: Path, change: Callable[[Path], None], field: str
) -> None:
    change(folder)
    with pytest.raises(DigestDiffers) as differs:
        corpus(lock, folder)
    assert differs.value.exit_code == 5
    assert field in differs.value.sentence
    assert "changes weights" in differs.value.sentence
    assert differs.value.hint


def test_another_order_of_the_rows_is_refused(lock: TrainingLock, folder: Path) -> None:
    other = lock.model_copy(update={"train": lock.train.model_copy(update={"seed": 18})})
    with pytest.raises(DigestDiffers) as differs:
        corpus(other, folder)
    assert "stream.order_sha256" in differs.value.sentence


def test_a_missing_model_folder_or_file_is_wrong_usage(lock: TrainingLock, folder: Path) -> None:
    with pytest.raises(UsageProblem, match="does not exist") as missing:
        verify.check_model(lock, folder / "none")
    assert (missing.value.exit_code, missing.value.hint) == (2, "add `--locate model=PATH`")
    (folder / "base" / "generation_config.json").unlink()
    with pytest.raises(UsageProblem, match=r"generation_config\.json` is missing"):
        verify.check_model(lock, folder / "base")


def test_missing_rows_are_wrong_usage(lock: TrainingLock, folder: Path) -> None:
    (folder / "rows" / "test.jsonl").unlink()
    with pytest.raises(UsageProblem, match=r"test\.jsonl") as missing:
        corpus(lock, folder)
    assert missing.value.hint


def test_a_lock_for_a_newer_program_is_refused(lock: TrainingLock) -> None:
    newer = lock.model_copy(update={"requires_runner": "99.0"})
    with pytest.raises(UsageProblem, match="needs Tunelock 99"):
        verify.check_whole(newer)


@pytest.mark.parametrize(
    ("name", "revision"),
    [
        ("first", 0),
        ("last-of-revision-0", 0),
        ("last-of-revision-1", 1),
        ("last-of-revision-2", 2),
        ("last-of-revision-3", 3),
        ("last-of-revision-4", 4),
        ("last-of-revision-5", 5),
        ("last-of-revision-6", 6),
        ("last-of-revision-7", 7),
    ],
)
def test_locks_of_an_older_revision_are_read_and_hold(name: str, revision: int) -> None:
    """Written by the programs of their time, the first two and the last two for an NVIDIA L4."""
    found = locks.read(Path(__file__).parents[2] / "lockfiles" / "old" / f"{name}.lock").training()
    assert found.revision == revision < locks.REVISION
    assert [stage.id for stage in found.stage] == [stage.kind for stage in found.stage]
    verify.check_whole(found)


@pytest.mark.parametrize("name", ["ZZZ", "lm_head", "embed_tokens", "q_proj.x"])
def test_layers_that_the_model_does_not_have_are_named(lock: TrainingLock, name: str) -> None:
    method = lock.method.model_copy(update={"targets": ["q_proj", name]})
    with pytest.raises(
        UsageProblem, match=f"names `{name}`, which is not a linear layer of `llama`"
    ):
        verify.check_whole(resealed(lock, {"method": method}))


BROKEN: dict[str, Callable[[str], str]] = {
    "cut off": lambda text: text[: len(text) // 2],
    "empty": lambda text: "",
    "one line is no JSON": lambda text: text + "{'a': 1}\n",
    "another format": lambda text: '{"text": "a text"}\n' * 9,
    "a binary file": lambda text: "PK\x03\x04\0\0",
    "no answers": lambda text: text.replace('"assistant"', '"user"'),
    "a list": lambda text: "[[1]]",
    "a table": lambda text: "a,b\n1,2\n",
}


@pytest.mark.parametrize("how", BROKEN)
def test_rows_that_can_no_longer_be_read_are_first_of_all_other_rows(
    how: str, lock: TrainingLock, folder: Path
) -> None:
    path = folder / "rows" / "train.jsonl"
    path.write_text(BROKEN[how](path.read_text("utf-8")), "utf-8")
    with pytest.raises(DigestDiffers) as caught:
        corpus(lock, folder)
    assert "The lock does not match" in caught.value.message
    with pytest.raises(DigestDiffers):
        list(finished.check(lock, found(lock, folder)))


def test_a_missing_or_closed_input_keeps_its_own_error(lock: TrainingLock, folder: Path) -> None:
    (folder / "rows" / "train.jsonl").unlink()
    with pytest.raises(UsageProblem, match="is not a file"):
        corpus(lock, folder)


def test_a_broken_template_is_another_template(lock: TrainingLock, folder: Path) -> None:
    config = folder / "base" / "chat_template.jinja"
    assert config.exists()
    config.write_text("{% if %}")
    with pytest.raises(DigestDiffers):
        list(finished.check(lock, found(lock, folder)))
    with pytest.raises(DigestDiffers):
        verify.template_of(lock, folder / "base", {})


def test_the_inputs_of_a_finished_run_may_be_gone(lock: TrainingLock, folder: Path) -> None:
    assert list(finished.check(lock, found(lock, folder))) == []
    (folder / "rows" / "test.jsonl").unlink()
    said = list(finished.check(lock, found(lock, folder)))
    assert said[0].startswith("the input `test` is missing (`")
    assert said[1] == "`train` can be compared with the lock only together with the other rows"
    shutil.rmtree(folder / "base")
    assert len(list(finished.check(lock, found(lock, folder)))) == 2
    assert [one.split("`")[1] for one in finished.check(lock, {})] == ["model", "train", "test"]
