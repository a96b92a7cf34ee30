"""Facts from disk: which paths are followed, and what is told meanwhile."""

from pathlib import Path

import pytest

from lockfiles.errors import DataRefused, UsageProblem
from planner.plan.gather import data_files, gather, hub_folder, machine_facts, model_facts, recipe
from runner.demo import files
from tests.planned import MACHINE, answers


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("gather")
    files.write(made)
    return made


def test_the_demo_is_gathered_step_by_step(folder: Path) -> None:
    told: list[str] = []
    facts = gather(answers(), folder, machine=MACHINE, told=told.append)
    assert told == ["reading the model", "reading and encoding the data", "inspecting the machine"]
    assert facts.machine is MACHINE
    assert facts.examples == 750
    assert [(one.split, one.source, one.rows) for one in facts.parts] == [
        ("train", "train", 675),
        ("validation", "train", 75),
        ("test", "test", 450),
    ]
    stream = facts.stream
    assert (stream.rows, stream.cut_rows) == (675, 0)
    assert stream.max_length - 8 < stream.longest <= stream.max_length
    assert 0 < stream.scored_tokens < stream.tokens <= 675 * stream.longest
    assert len(set(stream.order_sha256)) == 4
    assert facts.template.special.end_ids == (2,)


def test_rows_of_a_validation_file_are_no_examples(folder: Path) -> None:
    facts = gather(answers(data__validation="rows/test.jsonl"), folder, machine=MACHINE)
    assert facts.examples == 750
    assert facts.parts[0].rows == 750


def test_an_own_template_is_used(folder: Path) -> None:
    text = (folder / "base" / "chat_template.jinja").read_text("utf-8")
    own = folder / "own.jinja"
    own.write_text(text.replace("<|im_start|>", "<|im_start|>>"))
    other = gather(answers(model__template="own.jinja"), folder, machine=MACHINE)
    models = gather(answers(), folder, machine=MACHINE)
    assert other.template.sha256 != models.template.sha256
    assert other.stream.sha256 != models.stream.sha256


def test_an_own_template_in_the_home_folder_is_found(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(folder / "base"))
    named = answers(model__template="~/chat_template.jinja", model__source="~")
    facts = gather(named, folder, machine=MACHINE)
    assert facts.template.sha256 == gather(answers(), folder, machine=MACHINE).template.sha256


@pytest.mark.parametrize("source", ["base", "./base", "{}/base"])
def test_a_model_that_is_a_folder_is_one(folder: Path, source: str) -> None:
    facts, place = model_facts(answers(model__source=source.format(folder)), folder)
    assert place.samefile(folder / "base")
    assert (facts.commit, facts.parameters) == ("", 1935104)


def test_a_path_to_no_model_is_never_asked_of_the_hub(folder: Path) -> None:
    with pytest.raises(UsageProblem, match="does not exist"):
        model_facts(answers(model__source="./none"), folder)


def test_a_revision_with_a_slash_stays_one_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/cache")
    kept = Path("/cache/tunelock/models/name/model/refs%2Fpr%2F1")
    assert hub_folder("name/model", "refs/pr/1") == kept


def test_saved_facts_win_over_this_machine(folder: Path) -> None:
    MACHINE.save(folder / "machine.json")
    assert machine_facts(answers(machine__facts="machine.json"), folder) == MACHINE


def test_saved_facts_in_the_home_folder_are_found(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    MACHINE.save(folder / "machine.json")
    monkeypatch.setenv("HOME", str(folder))
    assert machine_facts(answers(machine__facts="~/machine.json"), folder / "base") == MACHINE


def test_only_named_files_are_read(folder: Path) -> None:
    assert data_files(answers(data__test=""), folder) == {"train": folder / "rows" / "train.jsonl"}
    assert data_files(answers(data__train="/a.jsonl"), folder)["train"] == Path("/a.jsonl")


def test_columns_are_mapped_only_where_that_was_asked() -> None:
    mapped = answers(
        data__format="columns", data__prompt_column="asked", data__completion_column="told"
    )
    assert recipe(mapped, 256).columns == {"prompt": "asked", "completion": "told"}
    assert recipe(answers(), 256).columns is None


def test_one_row_is_too_few_to_split(folder: Path) -> None:
    line = (folder / "rows" / "train.jsonl").read_text("utf-8").splitlines(True)[0]
    (folder / "rows" / "one.jsonl").write_text(line, "utf-8")
    with pytest.raises(DataRefused, match="too few to split off some") as refused:
        gather(answers(data__train="rows/one.jsonl"), folder, machine=MACHINE)
    assert refused.value.hint


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("moonshotai/Kimi-K3", "is of the family `kimi_k3`, which Tunelock does not support yet."),
        ("ana/Qwen3-8B", "; the nearest known model is `Qwen/Qwen3-8B`."),
        ("Qwen/Qwen3-8B", "cannot be looked up on the Hub."),
    ],
)
def test_a_model_that_cannot_be_reached_is_known_by_its_name(
    source: str, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(UsageProblem) as caught:
        model_facts(answers(model__source=source), tmp_path)
    assert caught.value.message.endswith(told)
    assert "is not one" in caught.value.hint
