"""What becomes tokens for supervised fine-tuning, and what is refused."""

from pathlib import Path
from typing import Any

import pytest

from lockfiles.errors import DataRefused, UsageProblem
from planner.data.corpus.corpus import build
from planner.data.corpus.part import Recipe
from planner.data.tokens.encode import load_tokenizer
from planner.data.tokens.example import COMPLETION
from planner.data.tokens.template import compile_template
from runner.demo import files
from tests.planner.data.format_rows import ANSWER, CALL, SAID, USER, written

CHATML = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}"
    "{% for c in m.tool_calls or [] %}<call>{{ c.function.arguments | tojson }}</call>{% endfor %}"
    "<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
RECIPE = Recipe("auto", None, "", 0.0, 17, 0, 4096)
BASE = Path(files.__file__).parent / "base"


def test_a_call_is_rendered_and_scored_and_its_result_is_not(tmp_path: Path) -> None:
    turns = [USER, {"role": "assistant", "tool_calls": [CALL]}, {"role": "tool", "content": "72"}]
    path = written(tmp_path / "a.jsonl", [{"messages": [*turns, SAID]}])
    tokenizer = load_tokenizer(BASE)
    made = build(RECIPE, {"train": path}, compile_template(CHATML, {}), tokenizer)
    row = made.parts[0].encoded[0][COMPLETION]
    text = tokenizer.decode(list(row.input_ids), skip_special_tokens=False)
    assert '<call>{"b": 24, "a": 48}</call>' in text and "tool\n72" in text
    scored = [label for label in row.labels if label >= 0]
    said = tokenizer.decode(scored, skip_special_tokens=False)
    assert '{"b": 24, "a": 48}' in said and ANSWER in said and "tool\n72" not in said


NOT_TAUGHT: list[tuple[str, dict[str, Any]]] = [
    ("text", {"text": "a"}),
    ("preference", {"prompt": "a", "chosen": "b", "rejected": "c"}),
    ("feedback", {"prompt": "a", "completion": "b", "label": True}),
]


@pytest.mark.parametrize(("name", "values"), NOT_TAUGHT)
def test_supervised_training_refuses_what_it_cannot_learn_from(
    name: str, values: dict[str, Any], tmp_path: Path
) -> None:
    path = written(tmp_path / "a.jsonl", [values])
    with pytest.raises(UsageProblem, match=f"format `{name}`, but supervised") as refused:
        build(RECIPE, {"train": path}, compile_template(CHATML, {}), load_tokenizer(BASE))
    assert "`messages`" in refused.value.hint and "prompt_column" in refused.value.hint


def test_the_template_gets_the_tools_of_a_row(tmp_path: Path) -> None:
    rows = [{"messages": [USER, SAID]}, {"messages": [USER, SAID], "tools": [{"name": "sum"}]}]
    path = written(tmp_path / "a.jsonl", rows)
    template = compile_template(
        "{% for t in tools or [] %}{{ t.function.name }}{% endfor %}" + CHATML, {}
    )
    made = build(RECIPE, {"train": path}, template, load_tokenizer(BASE)).part("train")
    assert made
    plain, named = made.encoded
    assert named.scored == plain.scored
    assert named.length > plain.length


def test_supervised_training_refuses_text_that_no_tokenizer_reads(tmp_path: Path) -> None:
    half = {"role": "assistant", "content": "72 \ud83d"}
    rows = [{"messages": [USER, SAID]}, {"messages": [USER, half]}]
    path = written(tmp_path / "a.jsonl", rows)
    with pytest.raises(DataRefused, match=r"a lone surrogate, such as .* in row 1"):
        build(RECIPE, {"train": path}, compile_template(CHATML, {}), load_tokenizer(BASE))
