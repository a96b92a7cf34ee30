"""Token ids and loss masks against transformers and TRL, for the chat templates that TRL carries.

Those are the templates of models in use: Llama 3, Qwen 2.5 to 3.6, Gemma, Phi, Cohere, DeepSeek,
GLM, gpt-oss, LFM2, Nemotron and others, as they are and in TRL's variants for training.
"""

import json
import warnings
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("trl")

import trl
from transformers import PreTrainedTokenizerFast

from lockfiles.errors import DataRefused
from planner.data.reading.formats import load_table
from planner.data.rows.rows import Message, Row, in_order, turn
from planner.data.tokens.encode import TurnsRewritten, encode
from planner.data.tokens.example import COMPLETION, IGNORED
from planner.data.tokens.training_template import FOLDER, variant
from planner.plan.gather import gather
from planner.plan.plan import plan
from runner.inputs import verify
from tests.few import few
from tests.planned import MACHINE, answers, few_rows
from tests.planner.data.chat import SPECIAL, conversations, ours, template, tokenizer

FILES = sorted((Path(trl.__file__).parent / "chat_templates").glob("*.jinja"))
IMAGES = ("llava_next", "smolvlm", "idefics3")
"""Templates that take a turn's content as a list of parts."""
SOURCES = {path.stem: path.read_text("utf-8") for path in FILES if not path.stem.startswith(IMAGES)}
MARKED = [name for name, source in SOURCES.items() if template(source).marks]
REWRITING = [path.stem for path in sorted(FOLDER.glob("*.jinja"))]
"""Templates that are trained with by a variant."""


def _theirs(made: Any, source: str) -> Any:
    return PreTrainedTokenizerFast(tokenizer_object=made, chat_template=source, **SPECIAL)


def _compare(name: str) -> tuple[int, int]:
    """Return how many rows were compared, and how many the template refused."""
    made, source = tokenizer(SOURCES[name]), SOURCES[name]
    own, theirs, chat = ours(made), _theirs(made, source), template(source, now=datetime.now)
    compared = refused = 0
    for row in (row for rows in conversations().values() for row in rows):
        try:
            found = encode(row, chat, own)[COMPLETION]
        except DataRefused:
            refused += 1
            continue
        wanted = theirs.apply_chat_template(
            list(map(turn, row.messages)), return_dict=True, return_assistant_tokens_mask=chat.marks
        )
        assert list(found.input_ids) == wanted["input_ids"], name
        if chat.marks:
            assert [int(i != IGNORED) for i in found.labels] == wanted["assistant_masks"], name
        compared += 1
    return compared, refused


@pytest.mark.parametrize("name", few(MARKED))
def test_ids_and_masks_are_those_of_transformers(name: str) -> None:
    compared, refused = _compare(name)
    assert compared >= 21 and refused in (0, 12)  # Gemma 1 takes no system turn


@pytest.mark.parametrize("name", few(sorted(SOURCES.keys() - set(MARKED))))
def test_ids_are_those_of_transformers_where_nothing_is_marked(name: str) -> None:
    compared, refused = _compare(name)
    assert compared + refused == 33
    assert compared or name in REWRITING


def test_many_families_are_compared() -> None:
    assert len(MARKED) >= 30
    assert len(SOURCES) >= 60


CALLING = ["qwen2_5_training", "qwen3_training", "qwen3_instruct_2507_training", "llama3_1"]
CALLING += ["glm4moe_training", "lfm2_v2_training", "gemma4", "qwen3_vl_training"]
CALLING += ["gemma4_v2", "gemma4_v3", "gemma4_v4", "gemma4_v5"]
TOOL = {"type": "function", "function": {
    "name": "weather", "description": "Weather of a town",
    "parameters": {"type": "object", "properties": {"town": {"type": "string"}}},
}}  # fmt: skip
CALL = {"type": "function", "function": {"name": "weather", "arguments": {"town": "Oslo"}}}
CALLED = Row(
    (
        Message("user", "What is it like in Oslo?"),
        Message("assistant", "", in_order({"tool_calls": [CALL]})),
        Message("tool", "4 °C, rain", in_order({"name": "weather"})),
        Message("assistant", "Cold and wet."),
    ),
    tools=in_order([TOOL]),
)


@pytest.mark.parametrize("name", few(CALLING))
def test_tools_and_their_calls_are_rendered_as_transformers_does(name: str) -> None:
    made, source = tokenizer(SOURCES[name]), SOURCES[name]
    chat = template(source, now=datetime.now)
    found = encode(CALLED, chat, ours(made))[COMPLETION]
    wanted = _theirs(made, source).apply_chat_template(
        list(map(turn, CALLED.messages)), tools=[TOOL], return_dict=True,
        return_assistant_tokens_mask=chat.marks,
    )  # fmt: skip
    assert list(found.input_ids) == wanted["input_ids"]
    if chat.marks:
        assert [int(i != IGNORED) for i in found.labels] == wanted["assistant_masks"]
    assert "weather" in chat.render(CALLED.messages, tools=CALLED.tools)


def test_gemma_4_renders_the_reasoning_of_a_final_turn_as_transformers_does() -> None:
    source = SOURCES["gemma4_v5"]
    made, chat = tokenizer(source), template(source)
    said = Message("assistant", "4", in_order({"reasoning_content": "Two and two."}))
    row = Row((Message("system", "Be brief."), Message("user", "2+2?"), said))
    own = ours(made)
    found = encode(row, chat, own)[COMPLETION]
    wanted = _theirs(made, source).apply_chat_template(_turns(row), return_dict=True)
    assert list(found.input_ids) == wanted["input_ids"]
    scored = [one for one, label in zip(*_both(row, chat, own), strict=True) if label != IGNORED]
    text = own.decode(scored, skip_special_tokens=False)
    assert text == "<|channel>thought\nTwo and two.\n<channel|>4<turn|>"
    more = Row((*row.messages, Message("user", "3+3?"), said))
    example = encode(more, chat, own)
    assert example.left_out == ("`reasoning_content` of message 3 (`assistant`)",)
    wanted = _theirs(made, source).apply_chat_template(_turns(more), return_dict=True)
    assert list(example[COMPLETION].input_ids) == wanted["input_ids"]
    scored = [one for one in example[COMPLETION].labels if one != IGNORED]
    assert own.decode(scored, skip_special_tokens=False) == f"4<turn|>{text}"


@pytest.mark.parametrize("name", few(REWRITING))
def test_a_template_that_rewrites_turns_has_the_variant_of_trl(name: str) -> None:
    chat = template(SOURCES[name])
    with pytest.raises(TurnsRewritten):
        for rows in conversations().values():
            for row in rows:
                encode(row, chat, ours(tokenizer(SOURCES[name])))
    found = variant(chat)
    assert found and found.source == SOURCES[f"{name}_training"]
    assert found.special_tokens == chat.special_tokens


def test_a_template_that_nobody_knows_has_no_variant() -> None:
    assert variant(template(SOURCES["qwen3"] + " ")) is None
    assert variant(template(SOURCES["qwen2_5"])) is None


TRAINED = ["qwen2_5", "qwen3", "llama3", "gemma3", "phi3", "cohere", "glm4moe", "deepseekv3"]
REWRITES_THE_PROMPT = "deepseekv3"
"""Its own template asks for an answer with `<think>`, and leaves that out where the answer is."""


@pytest.mark.parametrize("name", few(TRAINED))
def test_ids_and_labels_are_those_of_trls_trainer(name: str, tmp_path: Path) -> None:
    """TRL is given the model's own template and takes its variant for training."""
    source = SOURCES[f"{name}_training"]
    made = tokenizer(source)
    rows = [row for rows in conversations().values() for row in rows]
    data = [{"messages": list(map(turn, row.messages))} for row in rows]
    trained = _labels(_theirs(made, SOURCES[name]), data, tmp_path, assistant_only_loss=True)
    chat, own = template(source), ours(made)
    assert [_both(row, chat, own) for row in rows] == trained


@pytest.mark.parametrize("name", few(name for name in TRAINED if name != REWRITES_THE_PROMPT))
def test_prompts_and_completions_are_those_of_trl_but_for_white_space_behind_the_end(
    name: str, tmp_path: Path
) -> None:
    """TRL scores a completion to the end of the text, and we any answer to the end of its turn."""
    made, rows = tokenizer(SOURCES[name]), conversations()["one"]
    data = [{"prompt": [asked], "completion": [told]} for asked, told in map(_turns, rows)]
    trained = _labels(_theirs(made, SOURCES[name]), data, tmp_path, completion_only_loss=True)
    chat, own = template(SOURCES[name]), ours(made)
    for row, (ids, theirs) in zip(rows, trained, strict=True):
        found, labels = _both(row, chat, own)
        end = len(labels) - next(at for at, label in enumerate(labels[::-1]) if label != IGNORED)
        assert found == ids
        assert labels[:end] == theirs[:end]
        assert not own.decode(ids[end:], skip_special_tokens=False).strip()


def _turns(row: Row) -> list[dict[str, object]]:
    return list(map(turn, row.messages))


def _both(row: Row, chat: Any, own: Any) -> tuple[list[int], list[int]]:
    found = encode(row, chat, own)[COMPLETION]
    return list(found.input_ids), list(found.labels)


def _labels(
    theirs: Any, data: list[dict[str, Any]], work: Path, **settings: object
) -> list[tuple[list[int], list[int]]]:
    """Return the ids and labels that TRL's trainer makes of rows."""
    from datasets import Dataset
    from transformers import LlamaConfig, LlamaForCausalLM
    from trl import SFTConfig, SFTTrainer

    shape = LlamaConfig(
        vocab_size=len(theirs), hidden_size=8, intermediate_size=8, num_hidden_layers=1,
        num_attention_heads=1, num_key_value_heads=1, pad_token_id=theirs.pad_token_id,
        bos_token_id=theirs.bos_token_id, eos_token_id=theirs.eos_token_id,
    )  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        trainer = SFTTrainer(
            LlamaForCausalLM(shape),
            SFTConfig(str(work), max_length=None, bf16=False, report_to=[], **settings),
            train_dataset=Dataset.from_list(data),
            processing_class=theirs,
        )
    made = trainer.train_dataset
    return list(zip(made["input_ids"], made["labels"], strict=True))


def test_a_plan_trains_with_the_variant_and_the_runner_makes_the_same_tokens(
    tmp_path: Path,
) -> None:
    folder = few_rows(tmp_path)
    (folder / "base" / "chat_template.jinja").write_text(SOURCES["qwen3"], "utf-8")
    rows = folder / "rows" / "train.jsonl"
    several = [{"messages": list(map(turn, row.messages)) * 2} for row in load_table(rows).rows]
    rows.write_text("".join(json.dumps(_without_system(row)) + "\n" for row in several), "utf-8")
    asked = answers(train__max_length=128)
    lock = plan(asked, gather(asked, folder, machine=MACHINE))
    assert lock.template.source == "training"
    assert "training variant" in lock.why["template.source"]
    trained = variant(template(SOURCES["qwen3"]))
    assert trained and lock.template.sha256 == trained.sha256
    where = {"model": folder / "base", "train": rows, "test": folder / "rows" / "test.jsonl"}
    built = verify.corpus_of(lock, folder / "base", where)
    assert [part.tokens_sha256 for part in built.parts] == [p.tokens_sha256 for p in lock.data]


def _without_system(row: dict[str, list[dict[str, object]]]) -> dict[str, object]:
    return {"messages": [said for said in row["messages"] if said["role"] != "system"]}
