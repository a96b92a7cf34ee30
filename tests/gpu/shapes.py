"""A base of a real model's shape with random weights, and rows that fill its length.

python -m tests.gpu.shapes FOLDER
"""

import json
import random
import shutil
import sys
from pathlib import Path

from lockfiles import intent
from planner.interview.answers import check, given
from runner.demo import files

BASE = Path(files.__file__).parent / "base"
LENGTH = 1024
"""Tokens that rows are cut to; most are longer."""
ANSWERS: dict[str, object] = files.ANSWERS | {
    "goal.name": "shape",
    "goal.override": "to measure",
    "data.test": "",
    "machine.device": "cuda",
    "train.effective_batch": 4,
    "train.epochs": 2,
    "train.exact": False,
    "train.learning_rate": 1e-4,
    "train.max_length": LENGTH,
    "results.evaluate": False,
    "results.merge": False,
    "results.gguf": [],
}


def write_base(folder: Path, **changes: object) -> None:
    """Write a model of Qwen2.5-0.5B's shape in bfloat16, with the demo's tokenizer; `changes` are
    fields of its configuration."""
    import torch
    from transformers import Qwen2Config, Qwen2ForCausalLM

    shutil.copytree(BASE, folder)
    torch.manual_seed(1)
    usual: dict[str, object] = {
        "vocab_size": 151936,
        "hidden_size": 896,
        "intermediate_size": 4864,
        "num_hidden_layers": 24,
        "num_attention_heads": 14,
        "num_key_value_heads": 2,
        "max_position_embeddings": 32768,
        "tie_word_embeddings": True,
        "eos_token_id": 2,
        "pad_token_id": 0,
    }
    config = Qwen2Config(**usual | changes)
    with torch.device("cuda" if torch.cuda.is_available() else "cpu"):
        model = Qwen2ForCausalLM(config)
    model.to(torch.bfloat16).save_pretrained(folder)


def write_rows(path: Path, count: int) -> None:
    """Write chats whose answers are the demo's sentences, some of them shorter than `LENGTH`."""
    lines = (BASE.parent / "rows" / "train.jsonl").read_text("utf-8").splitlines()
    sentences = [json.loads(line)["messages"][1]["content"] for line in lines]
    source = random.Random(5)
    rows = []
    for _ in range(count):
        answer = " ".join(source.choices(sentences, k=source.randrange(50, 120)))
        user, assistant = (
            {"role": "user", "content": source.choice(sentences)},
            {"role": "assistant"},
        )
        rows.append(json.dumps({"messages": [user, assistant | {"content": answer}]}))
    path.write_text("\n".join(rows) + "\n", "utf-8")


def write_intent(folder: Path, base: Path, rows: int, **changes: object) -> Path:
    """Write rows and `run.toml` into a folder and return it; `changes` are answers with `__`."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "rows").mkdir(exist_ok=True)
    write_rows(folder / "rows" / "train.jsonl", rows)
    answers = ANSWERS | {"model.source": str(base)}
    answers |= {key.replace("__", "."): value for key, value in changes.items()}
    (folder / "run.toml").write_text(intent.write(given(check(answers, {}))), "utf-8")
    return folder


if __name__ == "__main__":
    write_base(Path(sys.argv[1]))
