"""The road on the shipped base and real rows: train, evaluate, merge, GGUF, and its answers."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

for package in ("trl", "gguf", "llama_cpp"):
    pytest.importorskip(package)


PROGRAM = """
import json, os, sys
from pathlib import Path
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM
import runner.demo
from lockfiles import digest
from lockfiles.lock import Method, Train
from planner.data.encode import encode, load_tokenizer
from planner.data.formats import load_table
from planner.data.order import epoch_order
from planner.data.split import split_rows
from planner.data.template import load_template
from runner.line import Line
from runner.stages.evaluate import Question, evaluate
from runner.stages.gguf.convert import convert
from runner.stages.gguf.native import sample
from runner.stages.merge import merge
from runner.stages.sft import Encoded, SftJob, train

work, demo = Path(sys.argv[1]), Path(runner.demo.__file__).parent
base = demo / "base"
template, tokenizer = load_template(base), load_tokenizer(base)
rows = list(load_table(demo / "rows" / "train.jsonl").rows)
test = list(load_table(demo / "rows" / "test.jsonl").rows)
encoded = [encode(row, template, tokenizer) for row in test]
held = [Question(row.input_ids, row.labels) for row in encoded]
split = split_rows(len(rows), 0.1, 17)
def part(numbers):
    encoded = [encode(rows[n], template, tokenizer) for n in numbers]
    return Encoded([row.input_ids for row in encoded], [row.labels for row in encoded])
targets = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
method = Method(objective="sft", kind="lora", rank=16, alpha=32, dropout=0.05, targets=targets)
settings = Train(
    micro_batch=16, accumulation=1, epochs=4, learning_rate=2e-3, schedule="cosine",
    warmup_ratio=0.05, weight_decay=0.01, gradient_clip=1.0, optimizer="adamw_torch",
    dtype="float32", attention="sdpa", checkpointing=False, keep="best", evaluate_steps=40, seed=17,
)
order = lambda epoch: epoch_order(len(split.train), 17, epoch)
line = Line(os.open(os.devnull, os.O_WRONLY))
parts = part(split.train), part(split.validation)
job = SftJob(base, *parts, order, method, settings, work / "train")
trained = train(job, line)
model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
ends = {"pad_id": model.config.pad_token_id, "end_ids": [model.config.eos_token_id]}
before = evaluate(model, held, **ends)
after = evaluate(PeftModel.from_pretrained(model, trained.folder), held, **ends)
merged = merge(base, trained.folder, work / "merged")
facts = convert(merged, work / "model-q8_0.gguf", "q8_0")
asked = test[::150]
prompts = [[vars(m) for m in row.messages[:-1]] for row in asked]
answers = sample(work / "model-q8_0.gguf", prompts, 16)
print(json.dumps({
    "before": before.accuracy, "after": after.accuracy, "rows": after.rows,
    "adapter": digest.of_tensors(Path(trained.folder).glob("*.safetensors")),
    "gguf_bytes": facts.size_bytes,
    "right": sum(a.strip() == row.messages[-1].content for a, row in zip(answers, asked)),
}))
"""


def test_the_base_learns_the_intents_and_the_gguf_answers(tmp_path: Path) -> None:

    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path)],
        capture_output=True,
        text=True,
        env=os.environ | {"HF_HUB_OFFLINE": "1", "HF_HUB_DISABLE_TELEMETRY": "1"},
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout.splitlines()[-1])
    print(found)
    assert found["rows"] >= 200
    assert found["before"] < 0.2
    assert found["after"] >= 0.8
    assert found["right"] >= 2
