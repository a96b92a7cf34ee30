"""A plan as a lock: the same bytes for the same content, and everything in it accounted for."""

import json
import re
import shutil
import socket
from pathlib import Path
from typing import Any

import pytest

from lockfiles import digest, lock
from lockfiles.errors import DataRefused, DoesNotFit, UsageProblem
from lockfiles.lock import TrainingLock
from lockfiles.objectives import NAMES
from planner.interview.answers import Answers, check
from planner.interview.questions import BY_KEY
from planner.machines.facts import Gpu, MachineFacts
from planner.plan.gather import gather
from planner.plan.plan import plan
from planner.plan.provenance import OF_LABELS
from runner.demo import files
from tests.planned import GIB, MACHINE, few_rows
from tests.planner.data.reading.labelled_rows import as_csv, pairs
from tui.text.plan import summary

CARD = Gpu("NVIDIA L4", 22 * GIB, 21 * GIB, "8.9")
GPU_MACHINE = MachineFacts("cuda", (CARD,), 8, 64 * GIB, 60 * GIB, 100 * GIB, "570.1")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo's files, with fewer rows."""
    return few_rows(tmp_path_factory.mktemp("plan"))


def answers(**changes: object) -> Answers:
    """Return the demo's answers with some changed: `train__epochs=2`."""
    named = {key.replace("__", "."): value for key, value in changes.items()}
    return check(files.ANSWERS | {"train.epochs": 2} | named, {})


def planned(folder: Path, *, machine: MachineFacts = MACHINE, **changes: object) -> TrainingLock:
    """Return the lock of the demo's answers, with some changed."""
    asked = answers(**changes)
    return plan(asked, gather(asked, folder, machine=machine))


def test_the_same_content_gives_the_same_bytes_from_anywhere(folder: Path, tmp_path: Path) -> None:
    once = lock.write(planned(folder))
    assert lock.write(planned(folder)) == once
    copy = Path(shutil.copytree(folder, tmp_path / "other place"))
    assert lock.write(planned(copy)) == once
    absolute: dict[str, Any] = {
        "data__train": str(folder / "rows" / "train.jsonl"),
        "data__test": str(copy / "rows" / "test.jsonl"),
        "model__source": str(copy / "base"),
    }
    assert lock.write(planned(tmp_path, **absolute)) == once


def test_a_lock_is_read_back_to_the_same_bytes(folder: Path) -> None:
    text = lock.write(planned(folder))
    assert lock.write(lock.parse(text).training()) == text


def test_a_lock_holds_no_path_host_or_time(folder: Path) -> None:
    shutil.copy(folder / "base" / "chat_template.jinja", folder / "own.jinja")
    text = lock.write(planned(folder, model__template=str(folder / "own.jinja")))
    assert str(folder) not in text
    assert not re.search(r'"[/~]', text)
    assert socket.gethostname() not in text
    assert not re.search(r"\d\d:\d\d", text)
    assert re.findall(r"\b20\d\d-\d\d-\d\d\b", text) == ["2024-07-26"]
    assert 'source = "local:template"' in text


def test_each_answer_says_where_it_came_from(folder: Path) -> None:
    origin = planned(folder).intent.origin
    assert set(origin) == {key for key in answers() if len(BY_KEY[key].choices) != 1}
    assert ("method.objective" in origin) == (len(NAMES) > 1), "where there are several"
    assert origin["data.train"] == origin["train.epochs"] == "given"
    assert origin["train.seed"] == origin["data.validation_fraction"] == "default"
    assert origin["method.rank"] == origin["train.max_length"] == "detected"
    assert planned(folder, method__rank=8).intent.origin["method.rank"] == "given"


def test_columns_and_instruction_that_were_recognized_are_detected(tmp_path: Path) -> None:
    few_rows(tmp_path)
    as_csv(tmp_path / "rows.csv", ("text", "label"), pairs())
    named: dict[str, Any] = {"data__train": "rows.csv", "data__test": "", "results__samples": 0}
    origin = planned(tmp_path, **named).intent.origin
    assert origin["data.format"] == "detected"
    assert {origin[key] for key in OF_LABELS} == {"detected"}
    own = planned(tmp_path, **named, data__system="Name the intent.").intent.origin
    assert (own["data.system"], own["data.prompt_column"]) == ("given", "detected")
    assert planned(tmp_path).intent.origin["data.prompt_column"] == "default"


def test_rows_with_an_empty_answer_are_dropped_where_that_is_wanted(tmp_path: Path) -> None:
    few_rows(tmp_path)
    path = tmp_path / "rows" / "train.jsonl"
    lines = path.read_text("utf-8").splitlines(True)
    for number in (3, 8):
        row = json.loads(lines[number])
        row["messages"][-1]["content"] = ""
        lines[number] = json.dumps(row) + "\n"
    path.write_text("".join(lines), "utf-8")
    with pytest.raises(DataRefused, match="empty answer") as refused:
        planned(tmp_path)
    assert 'drop = ["no-scored-token"]' in refused.value.hint
    made = planned(tmp_path, data__drop=["no-scored-token"])
    (step,) = [one for one in made.fix if one.what == "no-scored-token" and one.source == "train"]
    assert (step.step, step.rows) == ("drop", 2)
    rows = sum(part.rows for part in made.data if part.split in ("train", "validation"))
    assert rows == len(lines) - 2


def test_where_the_facts_of_a_machine_came_from_is_not_the_intent(folder: Path) -> None:
    MACHINE.save(folder / "machine.json")
    asked = answers(machine__facts="machine.json")
    named, told = plan(asked, gather(asked, folder)), planned(folder)
    assert named.intent.digest == told.intent.digest
    assert named.machine == told.machine


def test_what_was_chosen_has_its_reason(folder: Path) -> None:
    made = planned(folder, machine=GPU_MACHINE, machine__device="cuda", train__exact=False)
    fields = made.model_dump()
    for key, reason in made.why.items():
        table, name = key.split(".")
        places = fields[table] if isinstance(fields[table], list) else [fields[table]]
        known = getattr(type(getattr(made, table)), "model_fields", {})  # defaults are omitted
        assert all(name in place or name in known for place in places), key
        assert reason.endswith(".")
    assert {"method.kind", "train.micro_batch", "stream.max_length_tokens"} <= set(made.why)


def test_layers_that_training_leaves_out_are_named(folder: Path, tmp_path: Path) -> None:
    assert "model.parameters" not in planned(folder).why
    copy = Path(shutil.copytree(folder, tmp_path / "copy"))
    weights = copy / "base" / "model.safetensors"
    start, header = digest.safetensors_header(weights)
    data = weights.read_bytes()[start:]
    name, end = "model.layers.9.eh_proj.weight", len(data)
    header[name] = {"dtype": "F32", "shape": [2], "data_offsets": [end, end + 8]}
    head = json.dumps(header).encode()
    weights.write_bytes(len(head).to_bytes(8, "little") + head + data + b"\0" * 8)
    made = planned(copy)
    said = made.why["model.parameters"]
    assert f"1 tensor of layers that predict further tokens at once, such as `{name}`" in said
    assert f"          {said}" in summary(made)


def test_the_reason_of_a_length_says_who_chose_it(folder: Path) -> None:
    key = "stream.max_length_tokens"
    assert planned(folder).why[key].endswith("the longest row.")
    given = planned(folder, train__max_length=64)
    assert "you set it" in given.why[key]
    assert "longer" in given.why[key]


def test_a_length_that_the_model_limits_is_not_called_the_longest_row(folder: Path) -> None:
    narrow = Path(
        shutil.copytree(folder, folder / "narrow", ignore=shutil.ignore_patterns("narrow"))
    )
    config = json.loads((narrow / "base" / "config.json").read_text("utf-8"))
    config["max_position_embeddings"] = 64
    (narrow / "base" / "config.json").write_text(json.dumps(config), "utf-8")
    reason = planned(narrow, data__test="").why["stream.max_length_tokens"]
    assert "longest row" not in reason
    assert "the model's context" in reason


def test_a_verdict_against_needs_a_reason_to_go_on(folder: Path) -> None:
    against: dict[str, Any] = {"goal__prompting": "works", "goal__repetitive_task": False}
    with pytest.raises(UsageProblem, match="advises `prompt-engineering`") as refused:
        planned(folder, **against)
    assert refused.value.exit_code == 2
    assert "override" in refused.value.hint
    made = planned(folder, **against, goal__override="for a talk")
    assert made.decision.overridden == "for a talk"
    assert made.decision.verdict == "prompt-engineering"


SEVERAL: dict[str, Any] = {"machine__processes": 2, "train__exact": False}


def test_several_processes_share_the_rows_of_a_step_and_the_memory(folder: Path) -> None:
    alone, made = planned(folder, train__exact=False), planned(folder, **SEVERAL)
    assert made.parallel.model_dump() == {"engine": "ddp", "processes": 2}
    assert made.train.micro_batch * made.train.accumulation * 2 == 16
    assert (made.stream, made.train.evaluate_steps) == (alone.stream, alone.train.evaluate_steps)
    assert "communication buckets" in made.prediction.components
    assert "2 processes" in made.why["train.accumulation"]
    assert lock.parse(lock.write(made)).training() == made


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"train__exact": True}, "Bit-exact training is not verified for 2 processes."),
        ({"method__packing": "on"}, "Several processes pack rows on GPUs only"),
        ({"train__effective_batch": 15}, "not divisible by `machine.processes` = 2"),
        ({"method__micro_batch": 16}, r"which does not divide .* \(8 rows per process\)"),
        ({"machine__processes": 1025}, "must be from 1 to 1024"),
    ],
)
def test_what_several_processes_cannot_do_is_one_sentence(
    folder: Path, changes: dict[str, Any], said: str
) -> None:
    with pytest.raises((UsageProblem, DoesNotFit), match=said) as refused:
        planned(folder, **SEVERAL | changes)
    assert refused.value.hint


def test_an_override_that_was_not_needed_is_not_kept(folder: Path) -> None:
    assert planned(folder, goal__override="to be sure").decision.overridden == ""


def test_evaluation_without_held_out_rows_is_refused(folder: Path) -> None:
    nothing: dict[str, Any] = {"data__test": "", "data__validation_fraction": 0.0}
    with pytest.raises(UsageProblem, match="needs held-out rows") as refused:
        planned(folder, **nothing)
    assert "evaluate = false" in refused.value.hint
    made = planned(folder, **nothing, results__evaluate=False)
    assert [one.id for one in made.stage] == ["prepare", "train", "merge", "gguf", "report"]
    assert made.stage[3].settings.model_dump() == {"levels": ["q8_0"], "rows": "", "samples": 0}


def test_gguf_without_a_merged_model_is_refused(folder: Path) -> None:
    with pytest.raises(UsageProblem, match="made from a merged model") as refused:
        planned(folder, results__merge=False)
    assert "merge = true" in refused.value.hint


def test_the_stages_follow_the_answers(folder: Path) -> None:
    least = planned(folder, results__evaluate=False, results__merge=False, results__gguf=[])
    assert [one.id for one in least.stage] == ["prepare", "train", "report"]
    most = planned(folder, results__push_to="someone/tuned", data__test="")
    assert [one.id for one in most.stage] == [
        "prepare", "train", "evaluate", "merge", "gguf", "push", "report",
    ]  # fmt: skip
    assert most.stage[2].settings["rows"] == "validation"
    assert most.stage[5].settings.model_dump() == {"to": "someone/tuned", "private": True}
    assert set(most.integrity) == {one.id for one in most.stage}


def test_full_weights_need_no_merge(folder: Path) -> None:
    made = planned(folder, method__kind="full")
    assert "merge" not in made.integrity
    assert (made.method.rank, made.method.targets) == (0, [])
    assert made.prediction.disk_bytes > planned(folder).prediction.disk_bytes


@pytest.mark.parametrize("kind", ["lora", "qlora", "full"])
def test_every_method_is_planned_for_a_card(folder: Path, kind: str) -> None:
    made = planned(
        folder, machine=GPU_MACHINE, machine__device="auto", train__exact=False, method__kind=kind
    )
    assert made.method.kind == kind
    assert (made.machine.kind, made.machine.accelerator) == ("cuda", "NVIDIA L4")
    assert made.machine.memory_bytes == 21 * GIB
    assert made.exactness.threads == 0


def test_a_card_has_a_time_and_with_a_price_a_cost(folder: Path) -> None:
    on_card: dict[str, Any] = {"machine__device": "cuda", "train__exact": False}
    free = planned(folder, machine=GPU_MACHINE, **on_card)
    paid = planned(folder, machine=GPU_MACHINE, machine__price_per_hour=360, **on_card)
    assert 0 < free.prediction.step_seconds < free.prediction.seconds
    assert free.prediction.cost == 0
    assert paid.prediction.cost == pytest.approx(paid.prediction.seconds / 10, abs=0.006)
    assert "rough" in free.why["prediction.seconds"]


def test_on_cpu_no_time_is_guessed(folder: Path) -> None:
    made = planned(folder)
    assert (made.prediction.step_seconds, made.prediction.seconds) == (0, 0)
    assert "prediction.seconds" not in made.why


def test_a_card_is_not_counted_where_the_processor_trains(folder: Path) -> None:
    made = planned(folder, machine=GPU_MACHINE)
    assert (made.machine.kind, made.machine.count) == ("cpu", 0)
    assert made.machine.memory_bytes == 64 * GIB


def test_exact_bits_on_a_card_are_refused(folder: Path) -> None:
    with pytest.raises(DoesNotFit, match="not verified on `NVIDIA L4`") as refused:
        planned(folder, machine=GPU_MACHINE, machine__device="auto")
    assert refused.value.exit_code == 4
    assert "exact = false" in refused.value.hint


def test_a_length_beyond_the_context_is_refused(folder: Path) -> None:
    with pytest.raises(UsageProblem, match="is 300, but the model's context is 256") as refused:
        planned(folder, train__max_length=300)
    assert "max_length = 256" in refused.value.hint
