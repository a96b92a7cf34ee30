"""A base that ends elsewhere than its template: every artifact ends where training taught."""

import json
from pathlib import Path

import pytest

from tests.journeys.demo_folder import small, tunelock
from tests.journeys.test_run import run_at

for package in ("trl", "gguf", "llama_cpp"):
    pytest.importorskip(package)
pytestmark = pytest.mark.slow

DONE, PAD, END = "<|done|>", 0, 2
CONFIG = {"tokenizer_class": "PreTrainedTokenizerFast", "pad_token": "<|pad|>",
          "eos_token": "<|pad|>"}  # fmt: skip


def _end_elsewhere(base: Path) -> None:
    for name in ("tokenizer.json", "chat_template.jinja"):
        path = base / name
        path.write_text(path.read_text("utf-8").replace("<|im_end|>", DONE), "utf-8")
    (base / "tokenizer_config.json").write_text(json.dumps(CONFIG), "utf-8")
    for name in ("config.json", "generation_config.json"):
        values = json.loads((base / name).read_text("utf-8"))
        (base / name).write_text(json.dumps(values | {"eos_token_id": PAD}), "utf-8")


@pytest.mark.filterwarnings("ignore")
def test_answers_end_in_llama_cpp_and_in_transformers(tmp_path: Path) -> None:
    import gguf
    import transformers

    folder = small(tmp_path / "demo", train__epochs=3, results__gguf=("f16",))
    _end_elsewhere(folder / "base")
    assert tunelock(folder, "plan").returncode == 0
    done = tunelock(folder, "run", "--foreground")
    assert done.returncode == 0, done.stderr[-3000:]
    run = run_at(folder / "runs")

    (file,) = run.glob("stages/*-gguf/*.gguf")
    fields = gguf.GGUFReader(file).fields
    assert fields["tokenizer.ggml.eos_token_id"].contents() == END
    (report,) = run.glob("stages/*-gguf/done.json")
    samples = json.loads(report.read_text("utf-8"))["samples"]
    assert samples

    (merged,) = run.glob("stages/*-merge/model")
    tokenizer = transformers.AutoTokenizer.from_pretrained(merged)
    model = transformers.AutoModelForCausalLM.from_pretrained(merged)
    assert tokenizer.eos_token == DONE
    for one in samples:
        asked = [{"role": "user", "content": one["prompt"]}]
        asked.insert(
            0, json.loads((folder / "rows" / "test.jsonl").open().readline())["messages"][0]
        )
        given = tokenizer.apply_chat_template(
            asked, add_generation_prompt=True, return_tensors="pt", return_dict=True
        )
        made = model.generate(**given, max_new_tokens=40, do_sample=False)[0].tolist()
        answer = made[given["input_ids"].shape[1] :]
        assert answer[-1] == END and tokenizer.decode(answer[:-1]).strip() == one["answer"]

    adapter = next(run.glob("stages/*-train/result"))
    assert json.loads((adapter / "tokenizer_config.json").read_text("utf-8"))["eos_token"] == DONE
    assert not list(run.rglob("README.md"))


NEXT_TURN = (
    "{% for m in messages %}{% if m.role == 'assistant' %}{{ '<|assistant|>' + m.content }}"
    "{% else %}{{ ('<|user|>' if m.role == 'user' else '<|system|>') + m.content }}{% endif %}"
    "{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
"""GLM's habit: an answer ends where the next turn begins."""


def _end_at_next_turn(base: Path) -> None:
    """Give a base GLM's habit, with an end token that it never generated."""
    path = base / "tokenizer.json"
    path.write_text(path.read_text("utf-8").replace("<|im_start|>", "<|user|>"), "utf-8")
    (base / "chat_template.jinja").write_text(NEXT_TURN, "utf-8")
    (base / "tokenizer_config.json").write_text(json.dumps(CONFIG), "utf-8")
    for name in ("config.json", "generation_config.json"):
        values = json.loads((base / name).read_text("utf-8"))
        (base / name).write_text(json.dumps(values | {"eos_token_id": [1]}), "utf-8")


@pytest.mark.filterwarnings("ignore")
def test_a_tuned_model_stops_where_the_next_turn_would_begin(tmp_path: Path) -> None:
    folder = small(tmp_path / "demo", train__epochs=6)
    _end_at_next_turn(folder / "base")
    assert tunelock(folder, "plan").returncode == 0
    assert 'answer_end = "<|user|>"' in (folder / "run.lock").read_text("utf-8")
    done = tunelock(folder, "run", "--foreground")
    assert done.returncode == 0, done.stderr[-3000:]
    (report,) = (folder / "runs").rglob("*-evaluate/done.json")
    tuned = json.loads(report.read_text("utf-8"))["tuned"]
    assert tuned["accuracy"] > 0.3
