"""The shipped demo base as a GGUF file, on its own held-out rows, against transformers."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import runner.demo
from planner.data.reading.formats import load_table
from planner.data.rows.rows import Row
from planner.data.tokens.encode import encode, load_tokenizer
from planner.data.tokens.example import COMPLETION
from planner.data.tokens.template import compile_template, load_template

torch = pytest.importorskip("torch")
gguf = pytest.importorskip("gguf")
transformers = pytest.importorskip("transformers")
formats = pytest.importorskip("llama_cpp.llama_chat_format")

from runner.export.gguf import native  # noqa: E402
from runner.export.gguf.convert import convert  # noqa: E402

DEMO = Path(runner.demo.__file__).parent
BASE = DEMO / "base"
ROWS: tuple[Row, ...] = load_table(DEMO / "rows" / "test.jsonl").rows[::2][:200]
"""Of every intent: the file is sorted by them."""


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return convert(BASE, tmp_path_factory.mktemp("demo") / "base.gguf", "f16").path


@pytest.fixture(scope="module")
def fields(file: Path) -> dict[str, Any]:
    return {key: field.contents() for key, field in gguf.GGUFReader(file).fields.items()}


def _texts() -> list[str]:
    template = load_template(BASE)
    return [template.render(row.messages) for row in ROWS]


def test_logits_agree_at_every_position_of_real_rows(file: Path) -> None:
    model = transformers.AutoModelForCausalLM.from_pretrained(BASE, dtype=torch.float32)
    template, tokenizer = load_template(BASE), load_tokenizer(BASE)
    for row in (ROWS[0], ROWS[99], ROWS[199]):
        ids = list(encode(row, template, tokenizer)[COMPLETION].input_ids)
        with torch.no_grad():
            wanted = model(torch.tensor([ids])).logits[0].numpy()
        found = np.array(native.logits(file, ids))
        difference = float(np.abs(found - wanted).max())
        print(f"{len(ids)} tokens, greatest difference {difference:.5f} of {abs(wanted).max():.2f}")
        assert (found.argmax(-1) == wanted.argmax(-1)).all()
        assert difference < 0.05


def test_three_tokenizers_give_the_same_ids(file: Path) -> None:
    template, tokenizer = load_template(BASE), load_tokenizer(BASE)
    planned = [list(encode(row, template, tokenizer)[COMPLETION].input_ids) for row in ROWS]
    reference = transformers.AutoTokenizer.from_pretrained(BASE)
    turns = [[{"role": m.role, "content": m.content} for m in row.messages] for row in ROWS]
    trained = [reference.apply_chat_template(row, return_dict=False) for row in turns]
    exported = native.tokenize(file, _texts())
    print(f"{len(planned)} rows, {sum(map(len, planned))} tokens")
    numbers = range(200)
    assert [number for number in numbers if planned[number] != exported[number]] == []
    assert [number for number in numbers if planned[number] != trained[number]] == []


def test_the_template_in_the_file_renders_the_same_text(fields: dict[str, Any]) -> None:
    tokens = fields["tokenizer.ggml.tokens"]
    special = {
        "eos_token": tokens[fields["tokenizer.ggml.eos_token_id"]],
        "pad_token": tokens[fields["tokenizer.ggml.padding_token_id"]],
    }
    template = compile_template(fields["tokenizer.chat_template"], special)
    assert template.special_tokens == load_template(BASE).special_tokens
    assert [template.render(row.messages) for row in ROWS] == _texts()


def test_llama_cpp_renders_the_same_prompts(fields: dict[str, Any]) -> None:
    eos = fields["tokenizer.ggml.tokens"][fields["tokenizer.ggml.eos_token_id"]]
    formatter = formats.Jinja2ChatFormatter(fields["tokenizer.chat_template"], eos, bos_token="")
    template = load_template(BASE)
    for row in ROWS:
        asked = row.messages[:-1]
        turns = [{"role": m.role, "content": m.content} for m in asked]
        wanted = template.render(asked, add_generation_prompt=True)
        assert formatter(messages=turns).prompt == wanted
