"""One byte, row or template that is another one is named and refused."""

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from lockfiles import lock as locks
from lockfiles.errors import DigestDiffers, UsageProblem
from lockfiles.lock import TrainingLock
from planner.plan.gather import gather
from planner.plan.plan import plan
from runner.inputs import finished, locations, verify, view
from tests.planned import MACHINE, answers, few_rows

GENERAL = Path(__file__).parents[2] / "data" / "self-instruct.alpaca.jsonl"


@pytest.fixture(scope="module")
def planned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo's files, with fewer rows."""
    return few_rows(tmp_path_factory.mktemp("planned"))


@pytest.fixture(scope="module")
def lock(planned: Path) -> TrainingLock:
    return plan(answers(), gather(answers(), planned, machine=MACHINE))


@pytest.fixture
def folder(planned: Path, tmp_path: Path) -> Path:
    """A copy of what was locked, to change."""
    return Path(shutil.copytree(planned, tmp_path / "copy"))


def found(lock: TrainingLock, folder: Path) -> dict[str, Path]:
    """Return where the inputs of the lock lie in `folder`."""
    return {
        "model": folder / "base",
        "train": folder / "rows" / "train.jsonl",
        "test": folder / "rows" / "test.jsonl",
    }


def corpus(lock: TrainingLock, folder: Path) -> object:
    """Build and compare the rows."""
    return verify.corpus_of(lock, folder / "base", found(lock, folder))


def edit(path: Path, before: str, after: str) -> None:
    """Change the text of a file in one place."""
    content = path.read_text("utf-8")
    assert before in content
    path.write_text(content.replace(before, after, 1), "utf-8")


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


@pytest.mark.parametrize(
    "changes",
    [
        {"data__validation": "rows/test.jsonl", "data__test": ""},
        {"data__system": "Answer.", "train__max_length": 64},
        {"data__validation_fraction": 0.0, "train__seed": 4},
        {"data__validation_fraction": 0.3, "data__test": ""},
    ],
)
def test_every_way_to_split_and_cut_is_built_again(
    planned: Path, changes: dict[str, object]
) -> None:
    asked = answers(**changes)
    made = plan(asked, gather(asked, planned, machine=MACHINE))
    where = {name: path for name, path in _all(planned).items() if name in locations.wanted(made)}
    assert len(verify.corpus_of(made, planned / "base", where).parts) == len(made.data)


def _all(folder: Path) -> dict[str, Path]:
    rows = folder / "rows"
    return {
        "model": folder / "base",
        "train": rows / "train.jsonl",
        "validation": rows / "test.jsonl",
        "test": rows / "test.jsonl",
    }


def test_mapped_columns_are_built_again(planned: Path, tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    rows = (json.loads(line)["messages"] for line in _lines(planned / "rows" / "train.jsonl"))
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerow(("asked", "told"))
        csv.writer(file).writerows((row[1]["content"], row[2]["content"]) for row in rows)
    asked = answers(
        data__train=str(path),
        data__test="",
        data__format="columns",
        data__prompt_column="asked",
        data__completion_column="told",
    )
    made = plan(asked, gather(asked, planned, machine=MACHINE))
    corpus = verify.corpus_of(made, planned / "base", {"train": path})
    assert [len(part.rows) for part in corpus.parts] == [135, 15]


def test_roles_of_speakers_are_built_again(planned: Path, tmp_path: Path) -> None:
    path, names = tmp_path / "rows.jsonl", {"user": "Caller", "assistant": "desk"}
    rows = (json.loads(line)["messages"] for line in _lines(planned / "rows" / "train.jsonl"))
    with path.open("w", encoding="utf-8") as file:
        for row in rows:
            turns = [turn | {"role": names.get(turn["role"], turn["role"])} for turn in row]
            file.write(json.dumps({"messages": turns}) + "\n")
    roles = ["desk=assistant", "caller=user"]
    asked = answers(data__train=str(path), data__test="", data__roles=roles)
    made = plan(asked, gather(asked, planned, machine=MACHINE))
    assert made.data[0].roles == sorted(roles)
    again = locks.parse(locks.write(made))
    assert isinstance(again, TrainingLock)
    corpus = verify.corpus_of(again, planned / "base", {"train": path})
    assert [len(part.rows) for part in corpus.parts] == [135, 15]
    assert {turn.role for row in corpus.parts[0].rows for turn in row.messages} == {
        "system", "user", "assistant",
    }  # fmt: skip


def _lines(path: Path) -> list[str]:
    return path.read_text("utf-8").splitlines()


@pytest.fixture
def faulty(folder: Path) -> Path:
    """A folder whose training file has faults to mend."""
    path = folder / "rows" / "train.jsonl"
    rows = [json.loads(line) for line in _lines(path)]
    rows[3]["messages"][1]["content"] = " "
    rows[5]["messages"][1]["content"] += ", my mail is anna@posteo.de"
    rows[7] = rows[8]
    rows[9] = json.loads(_lines(folder / "rows" / "test.jsonl")[0])
    rows[11]["messages"] += [turn for row in rows[20:45] for turn in row["messages"][1:]]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return folder


MENDED = {
    "data__drop": ["empty", "leak", "no-scored-token"], "data__dedupe": "near",
    "data__redact": True, "data__long": "split",
    "data__general": str(GENERAL), "data__general_share": 0.02,
}  # fmt: skip


def test_what_was_mended_is_mended_again_by_the_lock_alone(faulty: Path) -> None:
    asked = answers(**MENDED)
    made = plan(asked, gather(asked, faulty, machine=MACHINE))
    assert locks.parse(locks.write(made)).training() == made
    steps = {(fix.source, fix.step, fix.what): fix.rows for fix in made.fix}
    assert steps[("train", "drop", "empty")] == 1
    assert steps[("train", "drop", "leak")] >= 1
    assert steps[("train", "redact", "personal-data")] == 1
    assert steps[("train", "dedupe", "exact-duplicates")] >= 1
    assert steps[("train", "split", "over-length")] == 1
    where = found(made, faulty) | {"general": GENERAL}
    rows = verify.corpus_of(made, faulty / "base", where)
    part = rows.part("train")
    assert part and "[EMAIL]" in "".join(row.prompt for row in part.rows)
    assert made.data[-1].split == "general" and made.data[-1].rows == 3
    assert made.stream.rows == len(part.rows)


def test_a_step_that_no_longer_comes_to_the_same_is_named(faulty: Path) -> None:
    asked = answers(**MENDED)
    made = plan(asked, gather(asked, faulty, machine=MACHINE))
    other = made.fix[0].model_copy(update={"rows": 2})
    edited = made.model_copy(update={"fix": [other, *made.fix[1:]]})
    where = found(made, faulty) | {"general": GENERAL}
    with pytest.raises(DigestDiffers) as differs:
        verify.corpus_of(edited, faulty / "base", where)
    assert "fix.0  drop empty in train: 2 → drop empty" in differs.value.sentence
    without = made.model_copy(update={"fix": []})
    with pytest.raises(DigestDiffers) as differs:
        verify.corpus_of(without, faulty / "base", where)
    assert "data.0.rows" in differs.value.sentence
    with pytest.raises(DigestDiffers, match="`prepare`, `train`"):
        verify.check_whole(edited)


def test_further_templates_are_locked_and_visible(folder: Path) -> None:
    more = folder / "base" / "additional_chat_templates"
    more.mkdir()
    (more / "tool_use.jinja").write_text("{{ messages }}")
    made = plan(answers(), gather(answers(), folder, machine=MACHINE))
    assert locks.parse(locks.write(made)).training() == made
    with view.locked(made.model, folder / "base") as seen:
        found = verify.template_of(made, seen.folder, {})
        assert found.others == {"tool_use": "{{ messages }}"}
    with view.own(folder / "base") as seen:
        assert (seen.folder / "additional_chat_templates" / "tool_use.jinja").is_file()
    (more / "tool_use.jinja").write_text("other")
    with pytest.raises(DigestDiffers), view.locked(made.model, folder / "base"):
        pass
    shutil.move(more, folder / "elsewhere")
    more.symlink_to(folder / "elsewhere")
    with pytest.raises(UsageProblem, match="is a link, not a folder"):
        gather(answers(), folder, machine=MACHINE)
    with (
        pytest.raises(UsageProblem, match="is a link, not a folder"),
        view.locked(made.model, folder / "base"),
    ):
        pass


def test_a_token_beyond_the_embedding_in_test_rows_is_refused(folder: Path) -> None:
    tokens = json.loads((folder / "base" / "tokenizer.json").read_text("utf-8"))
    more = {"id": 1024, "content": "<|more|>", "special": True} | dict.fromkeys(
        ("single_word", "lstrip", "rstrip", "normalized"), False
    )
    tokens["added_tokens"].append(more)
    (folder / "base" / "tokenizer.json").write_text(json.dumps(tokens), "utf-8")
    asked = answers(results__gguf=())  # a GGUF file must have every token of the tokenizer
    plan(asked, gather(asked, folder, machine=MACHINE))
    edit(folder / "rows" / "test.jsonl", "how would you", "<|more|>how would you")
    with pytest.raises(UsageProblem, match=r"the token `<\|more\|>` the id 1024, but the model's"):
        gather(asked, folder, machine=MACHINE)


def test_an_own_template_is_compared(planned: Path, tmp_path: Path) -> None:
    own = Path(shutil.copy(planned / "base" / "chat_template.jinja", tmp_path / "own.jinja"))
    asked = answers(model__template=str(own))
    made = plan(asked, gather(asked, planned, machine=MACHINE))
    where = found(made, planned) | {"template": own}
    verify.corpus_of(made, planned / "base", where)
    edit(own, "{% for", "\n{% for")
    with pytest.raises(DigestDiffers) as differs:
        verify.corpus_of(made, planned / "base", where)
    assert "template.sha256" in differs.value.sentence


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
    ],
)
def test_locks_of_an_older_revision_are_read_and_hold(name: str, revision: int) -> None:
    """Written by the programs of their time, the first two for an NVIDIA L4."""
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
        verify.check_whole(lock.model_copy(update={"method": method}))


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
    assert "`run.lock` does not match" in caught.value.message
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
