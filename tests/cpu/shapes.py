"""Folders of small CPU runs that differ in what needs memory: the demo, a wider model, all weights.

The models are random, with the demo's tokenizer. Their rows are joined from the demo's.
"""

import json
import random
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from lockfiles import intent
from planner.interview.answers import check, given
from runner.demo import files


@dataclass(frozen=True)
class Shape:
    """A model, its rows, and the answers that differ from the demo's."""

    name: str
    """Its name in the table, and of its folder."""
    config: Mapping[str, int] = field(default_factory=dict)
    """The sizes of the model that differ from the demo's; empty for the demo's own weights."""
    joined: int = 1
    """How many of the demo's rows are at most joined to one."""
    rows: int = 0
    """Training rows; 0 for all of the demo's."""
    answers: Mapping[str, object] = field(default_factory=dict)
    """Answers by key."""


SHAPES = (
    Shape("demo"),
    Shape(
        "wide",
        config={
            "hidden_size": 768,
            "intermediate_size": 2048,
            "num_hidden_layers": 6,
            "num_attention_heads": 12,
            "num_key_value_heads": 4,
            "head_dim": 64,
            "max_position_embeddings": 1024,
        },
        joined=24,
        rows=20,
        answers={"train.epochs": 1, "method.micro_batch": 2, "method.checkpointing": "off"},
    ),
    Shape(
        "full",
        config={
            "hidden_size": 512,
            "intermediate_size": 1376,
            "num_hidden_layers": 8,
            "num_attention_heads": 8,
            "num_key_value_heads": 4,
            "head_dim": 64,
            "max_position_embeddings": 512,
        },
        joined=8,
        rows=48,
        answers={
            "train.epochs": 1,
            "method.kind": "full",
            "method.micro_batch": 2,
            "method.checkpointing": "on",
        },
    ),
)
"""The measured shapes."""
_SMALL = {"results.gguf": [], "goal.override": "a measurement"}


def write(shape: Shape, folder: Path) -> Path:
    """Write a shape's model, rows and `run.toml` into a folder, and return it."""
    files.write(folder)
    if shape.config:
        _random_model(folder / "base", shape.config)
    for split in ("train", "test"):
        path = folder / "rows" / f"{split}.jsonl"
        rows = path.read_text("utf-8").splitlines()
        made = _joined(rows, shape, split) if shape.rows else rows
        path.write_text("".join(row + "\n" for row in made), "utf-8")
    answers = files.ANSWERS | (_SMALL if shape.config else {}) | dict(shape.answers)
    (folder / "run.toml").write_text(intent.write(given(check(answers, {}))), "utf-8")
    return folder


def _joined(rows: list[str], shape: Shape, split: str) -> list[str]:
    source = random.Random(f"{shape.name} {split}")
    every = [json.loads(row)["messages"] for row in rows]
    count = shape.rows if split == "train" else 4
    return [_one(source.sample(every, source.randint(1, shape.joined))) for _ in range(count)]


def _one(parts: list[list[dict[str, str]]]) -> str:
    """Return a row that asks for the labels of several rows at once."""
    asked, answered = (" | ".join(part[at]["content"] for part in parts) for at in (1, 2))
    return json.dumps(
        {
            "messages": [
                parts[0][0],
                {"role": "user", "content": asked},
                {"role": "assistant", "content": answered},
            ]
        }
    )


def _random_model(base: Path, sizes: Mapping[str, int]) -> None:
    """Replace the weights of a folder by random ones in other sizes."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    config = json.loads((base / "config.json").read_text("utf-8")) | dict(sizes)
    shape = AutoConfig.for_model(**config)
    torch.manual_seed(1)
    model = AutoModelForCausalLM.from_config(shape, dtype=torch.bfloat16)
    (base / "generation_config.json").unlink()
    model.save_pretrained(base)


def main(name: str, folder: Path) -> None:
    """Write a shape by its name."""
    shutil.rmtree(folder, ignore_errors=True)
    write(next(shape for shape in SHAPES if shape.name == name), folder)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
