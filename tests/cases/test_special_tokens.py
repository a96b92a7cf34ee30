"""Special tokens, templates and ropes, looked up as transformers looks them up."""

import json
from pathlib import Path

import pytest

from tests.cases import models, rows, templates
from tests.cases.conftest import Model
from tests.cases.models import Change
from tests.cases.rows import FIRST, Row, answer, said
from tests.cases.seen import check_scored, seen

EOS_JINJA = (
    "{% for m in messages %}{{ m['role'] + ': ' + m['content'] }}"
    "{% if m['role'] == 'assistant' %}{{ eos_token }}{% endif %}{{ '\\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ 'assistant: ' }}{% endif %}"
)
"""Ends an answer at the end token that the tokenizer names."""
END = "<|im_end|>"


def named_in_map(eos: object, *changes: Change) -> Change:
    """Return the change to an older tokenizer, whose map alone names the end token."""
    return models.everything(
        models.template(EOS_JINJA),
        models.tokenizer_config("eos_token", "pad_token"),
        models.edit("special_tokens_map.json", eos_token=eos, pad_token="<|pad|>"),
        *changes,
    )


# llama.cpp 5040: transformers reads `special_tokens_map.json` where the configuration is silent.
@pytest.mark.parametrize("eos", [END, {"content": END, "lstrip": False, "special": True}],
                         ids=["text", "object"])  # fmt: skip
def test_the_map_of_special_tokens_is_read(
    tmp_path: Path, model: Model, eos: object, request: pytest.FixtureRequest
) -> None:
    place = model(f"map-{request.node.callspec.id}", named_in_map(eos))
    rows.jsonl(tmp_path / "rows.jsonl", rows.made(rows.asked))
    check_scored(seen(tmp_path, "rows.jsonl", place), f"{answer(FIRST)}{END}")


def test_the_map_precedes_an_older_configuration(tmp_path: Path, model: Model) -> None:
    """transformers takes the map where the configuration has no `added_tokens_decoder`."""
    change = named_in_map(END, models.tokenizer_config(eos_token="<|pad|>"))
    rows.jsonl(tmp_path / "rows.jsonl", rows.made(rows.asked))
    found = seen(tmp_path, "rows.jsonl", model("map-first", change))
    check_scored(found, f"{answer(FIRST)}{END}")


def test_a_newer_configuration_precedes_the_map(tmp_path: Path, model: Model) -> None:
    """With an `added_tokens_decoder`, transformers ignores the map."""
    added = {"2": {"content": END, "special": True}}
    newer = models.tokenizer_config(eos_token=END, added_tokens_decoder=added)
    rows.jsonl(tmp_path / "rows.jsonl", rows.made(rows.asked))
    found = seen(tmp_path, "rows.jsonl", model("map-second", named_in_map("<|pad|>", newer)))
    check_scored(found, f"{answer(FIRST)}{END}")


def test_a_token_beyond_the_embedding_is_refused(tmp_path: Path, model: Model) -> None:
    """LLaMA-Factory 5436: a token was added, and the embedding was not resized."""

    def change(folder: Path) -> None:
        path = folder / "tokenizer.json"
        found = json.loads(path.read_text("utf-8"))
        found["added_tokens"].append({
            "id": 1024, "content": "<|answer|>", "single_word": False, "lstrip": False,
            "rstrip": False, "normalized": False, "special": True,
        })  # fmt: skip
        path.write_text(json.dumps(found, ensure_ascii=False), "utf-8")
        models.template(templates.turns("{{ '<|answer|>' + m.content }}"))(folder)

    rows.jsonl(tmp_path / "rows.jsonl", rows.made(rows.asked))
    found = seen(tmp_path, "rows.jsonl", model("beyond", change))
    assert not found.locked and "1024" in found.plan.err, found.plan.err


def twice(thing: str) -> Row:
    """Return a row with two answers, each with reasoning."""
    turns = [said("user", f"A {thing}?"), said("assistant", "Yes."),
             said("user", "Really?"), said("assistant", "Indeed.")]  # fmt: skip
    return {"messages": turns}


@pytest.mark.parametrize("form", ["file", "newline", "crlf", "spaces", "config"])
def test_a_known_template_is_known_whatever_its_line_ends(
    tmp_path: Path, model: Model, form: str
) -> None:
    """Qwen3's template changes earlier turns; its training variant is found by its text."""

    def change(folder: Path) -> None:
        models.known("qwen3")(folder)
        path = folder / "chat_template.jinja"
        text = path.read_text("utf-8")
        if form == "newline":
            path.write_text(f"{text}\n", "utf-8")
        elif form == "spaces":
            path.write_text(f"{text}\n\n", "utf-8")
        elif form == "crlf":
            path.write_bytes(text.replace("\n", "\r\n").encode())
        elif form == "config":
            path.unlink()
            models.tokenizer_config(chat_template=text)(folder)

    rows.jsonl(tmp_path / "rows.jsonl", rows.made(twice))
    found = seen(tmp_path, "rows.jsonl", model(f"qwen3-{form}", change))
    assert found.locked, found.plan.err
    assert "Yes." in "".join(found.scored) and "Indeed." in "".join(found.scored)


def test_the_templates_own_file_precedes_the_configuration(tmp_path: Path, model: Model) -> None:
    other = models.tokenizer_config(chat_template=templates.CUT_JINJA)
    rows.jsonl(tmp_path / "rows.jsonl", rows.made(rows.asked))
    found = seen(tmp_path, "rows.jsonl", model("two-templates", other))
    check_scored(found, f"{answer(FIRST)}{END}")


def rope(**values: object) -> Change:
    """Return the change of the rope, in the form before transformers 5."""
    return models.config("rope_parameters", rope_theta=10000.0, rope_scaling=values)


@pytest.mark.parametrize(("change", "name"), [
    (rope(type="su", short_factor=[1.0] * 16, long_factor=[2.0] * 16), "su"),
    (rope(rope_type="made-up", factor=2.0), "made-up"),
    (rope(rope_type="llama3", factor=8.0), "low_freq_factor"),
    (rope(type="linear"), "factor"),
], ids=["su", "made-up", "llama3-without", "linear-without"])  # fmt: skip
def test_a_rope_that_transformers_does_not_know_is_refused(
    tmp_path: Path, model: Model, change: Change, name: str
) -> None:
    rows.jsonl(tmp_path / "rows.jsonl", rows.made(rows.asked))
    found = seen(tmp_path, "rows.jsonl", model(f"rope-{name}", change))
    assert not found.locked, "a lock was written"
    assert name in found.plan.err, found.plan.err


@pytest.mark.parametrize("values", [
    {"type": "linear", "factor": 2.0},
    {"rope_type": "dynamic", "factor": 2.0},
    {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 64},
    {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
     "original_max_position_embeddings": 64},
], ids=["linear", "dynamic", "yarn", "llama3"])  # fmt: skip
def test_a_rope_that_transformers_knows_is_accepted(
    tmp_path: Path, model: Model, values: Row, request: pytest.FixtureRequest
) -> None:
    rows.jsonl(tmp_path / "rows.jsonl", rows.made(rows.asked))
    place = model(f"rope-known-{request.node.callspec.id}", rope(**values))
    found = seen(tmp_path, "rows.jsonl", place)
    assert found.locked, found.plan.err
