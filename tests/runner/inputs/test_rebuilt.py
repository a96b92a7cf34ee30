"""The rows of a run are built again from the lock alone, however they were planned."""

import csv
import json
import shutil
from pathlib import Path

import pytest

from lockfiles import lock as locks
from lockfiles.errors import DigestDiffers, UsageProblem
from lockfiles.lock import TrainingLock
from planner.plan.gather import gather
from planner.plan.plan import plan
from runner.inputs import locations, verify, view
from tests.planned import MACHINE, answers
from tests.runner.inputs.locked import edit, found
from tests.runner.inputs.locked import folder as folder
from tests.runner.inputs.locked import planned as planned

GENERAL = Path(__file__).parents[2] / "data" / "self-instruct.alpaca.jsonl"


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
