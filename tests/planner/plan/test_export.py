"""Plans that train nothing: what `run.toml` may ask for, and what its lock holds."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lockfiles import lock as locks
from lockfiles.errors import UsageProblem
from lockfiles.lock import Lock
from lockfiles.stage_kinds.registry import KINDS
from planner.interview.answers import check, given
from planner.interview.exports import RESULTS_OF_TRAINING, matters
from planner.interview.questions import QUESTIONS
from planner.models.held import Held
from planner.pipeline.kind import of_kind
from planner.plan import export
from planner.plan.gather import check_stages, gather, model_facts
from planner.plan.integrity import integrity
from runner.demo import files
from runner.supervisor.supervise import run_folder

ANSWERS: dict[str, object] = {
    "goal.name": "base", "model.source": "base", "results.gguf": ["f16", "q8_0"],
}  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("export")
    files.write(made)
    return made


def planned(folder: Path, **changes: object) -> Lock:
    """Return the lock of the answers with some changed: `results__gguf=["f16"]`."""
    answers = check(ANSWERS | {key.replace("__", "."): value for key, value in changes.items()}, {})
    return export.plan(answers, model_facts(answers, folder)[0])


def test_the_lock_has_a_stage_for_each_level_and_no_table_of_training(folder: Path) -> None:
    made = planned(folder)
    assert isinstance(made, locks.ExportLock)
    assert [(one.id, one.inputs) for one in made.stage] == [
        ("prepare", []),
        ("gguf", ["prepare"]),
        ("gguf-2", ["prepare"]),
        ("report", ["prepare", "gguf", "gguf-2"]),
    ]
    assert [one.settings.model_dump() for one in made.of_kind("gguf")] == [
        {"levels": [level], "rows": "", "samples": 0} for level in ("f16", "q8_0")
    ]
    assert made.prediction.disk_bytes == round(made.model.parameters * (16 + 8.5) / 8)
    assert all(matters(key) for key in made.intent.origin)
    assert locks.parse(locks.write(made)) == made == planned(folder)
    assert integrity(made.model_dump(exclude_unset=True)) == made.integrity


@pytest.mark.parametrize(
    ("changes", "again"),
    [
        ({"results__gguf": ["f16", "q8_0", "q4_k_m"]}, {"gguf-3", "report"}),
        ({"results__push_to": "ana/x"}, {"push", "report"}),
        ({"goal__name": "other"}, {"report"}),
    ],
)
def test_another_export_keeps_what_is_done(
    folder: Path, changes: dict[str, Any], again: set[str]
) -> None:
    before, after = planned(folder), planned(folder, **changes)
    changed = {name for name, one in after.integrity.items() if before.integrity.get(name) != one}
    assert changed == again
    same = before.intent.name == after.intent.name
    assert (run_folder(before, folder) == run_folder(after, folder)) == same
    assert run_folder(after, folder).name[-8:] == after.integrity["prepare"][:8]


def test_another_model_and_other_packages_are_other_exports(folder: Path) -> None:
    made = planned(folder)
    tables = made.model_dump()
    tables["model"]["files"][0]["sha256"] = "0" * 64
    assert not set(integrity(tables).values()) & set(made.integrity.values())
    tables = made.model_dump()
    tables["packages"]["gguf"] = "0.1"
    found = integrity(tables)
    assert found["prepare"] == made.integrity["prepare"] and found["gguf"] != made.integrity["gguf"]
    tables = made.model_dump()
    tables["model"]["license"] = "mit"
    assert integrity(tables) == made.integrity


AHEAD = "model.layers.9.eh_proj.weight"


def test_a_base_whose_tensors_no_export_can_hold_is_refused(folder: Path) -> None:
    answers = check(ANSWERS, {})
    model, place = model_facts(answers, folder)
    check_stages(answers, model, place)
    held = {**model.held, AHEAD: Held("BF16", (256, 512))}
    with pytest.raises(UsageProblem, match=f"The weights have `{AHEAD}`"):
        check_stages(answers, replace(model, held=held), place)
    trained = check(files.ANSWERS, {})
    check_stages(trained, replace(model, held=held), place)


TRAINED = [
    {"data.test": "rows/test.jsonl"}, {"data.format": "columns"}, {"method.rank": 8},
    {"train.epochs": 2}, {"goal.repetitive_task": True}, {"model.template": "x.jinja"},
    {"results.gguf": []}, {"results.gguf": [], "results.push_to": "ana/x"},
]  # fmt: skip
"""What asks for training, or for nothing."""


@pytest.mark.parametrize("more", TRAINED, ids=lambda one: ",".join(one))
def test_rows_are_wanted_where_training_is_asked_for(more: dict[str, object]) -> None:
    with pytest.raises(
        UsageProblem, match=r"`data\.train` is required but has no answer: training"
    ) as refused:
        check(ANSWERS | more, {"model.source": 1})
    assert "export the base model without training" in refused.value.hint
    taken = [key for key in more if not key.startswith("results.")]
    assert all(f"`{key}`" in refused.value.hint for key in taken)


def test_without_a_name_it_is_not_called_tuned(folder: Path) -> None:
    assert planned(folder, goal__name="tuned").intent.name == "base"
    assert planned(folder, goal__name="mine").intent.name == "mine"


def test_a_face_that_sets_up_training_does_not_offer_exports() -> None:
    with pytest.raises(UsageProblem) as refused:
        check({"model.source": "base"}, {})
    assert refused.value.hint == "in run.toml: [data] train = … (a file of rows)"


def test_a_default_that_stands_in_the_file_asks_for_training_too() -> None:
    assert not check(ANSWERS | {"train.epochs": 3}, {}).trains
    with pytest.raises(UsageProblem, match=r"`data\.train` is required but has no answer"):
        check(ANSWERS | {"train.epochs": 3}, {"train.epochs": 9})


@pytest.mark.parametrize("key", RESULTS_OF_TRAINING)
def test_a_result_of_training_is_refused_where_it_is_asked_for(key: str) -> None:
    with pytest.raises(UsageProblem, match=f"`{key}` on line 7 of `run.toml` needs training"):
        check(ANSWERS | {key: 3 if key == "results.samples" else True}, {key: 7})
    if key != "results.samples":
        assert not check(ANSWERS | {key: False}, {key: 7}).trains


def test_results_that_need_training_are_those_of_its_stages() -> None:
    asked = {key for kind in KINDS.values() if kind.untrained is None for key in kind.answers}
    assert asked <= set(RESULTS_OF_TRAINING)
    others = KINDS.keys() - {"gguf", "push"}
    assert {question.key for question in QUESTIONS if matters(question.key)} == {
        "goal.name", "model.source", "model.revision", "results.gguf", "results.push_to",
        "results.private", *(key for name in others for key in of_kind(name).untrained_keys),
    }  # fmt: skip


@pytest.mark.parametrize("name", KINDS)
def test_what_a_kind_asks_without_training_is_among_its_questions(name: str) -> None:
    kind, planned = KINDS[name], of_kind(name)
    assert set(planned.untrained_keys) <= set(kind.answers)
    assert not planned.untrained_keys or kind.untrained is not None
    if planned.export:
        assert planned.export.key in planned.untrained_keys


def test_its_answers_are_checked_again_as_they_are() -> None:
    answers = check(ANSWERS, {})
    assert check({**answers}, {}) == answers
    assert list(given(answers)) == ["goal", "model", "results"]


def test_nothing_is_gathered_for_a_training_without_rows(folder: Path) -> None:
    with pytest.raises(UsageProblem, match=r"`data\.train` is required but has no answer"):
        gather(check(ANSWERS, {}), folder)


def test_a_family_that_no_gguf_is_written_of_is_refused(folder: Path, tmp_path: Path) -> None:
    answers = check(ANSWERS, {})
    facts = model_facts(answers, folder)[0]
    other = replace(facts, architecture=replace(facts.architecture, family="falcon"))
    with pytest.raises(UsageProblem, match="does not support the family `falcon`"):
        export.plan(answers, other)
