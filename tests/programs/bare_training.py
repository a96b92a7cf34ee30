"""`bare_training.py LOCK BASE ROWS OUT`: a lock's training as a plain TRL script of a few lines.

Prints the seconds of its first step, and ends there.
"""

import os
import sys
import time
from pathlib import Path
from typing import Any

import torch
from datasets import load_dataset
from peft import LoraConfig
from transformers import AutoModelForCausalLM, AutoTokenizer, TrainerCallback
from trl import SFTConfig, SFTTrainer

from lockfiles import lock as locks


class Ends(TrainerCallback):  # type: ignore[misc]
    """Ends the process after the first step."""

    began = 0.0

    def on_step_begin(self, *_: Any, **__: Any) -> None:
        self.began = time.monotonic()

    def on_step_end(self, *_: Any, **__: Any) -> None:
        print(time.monotonic() - self.began, flush=True)
        os._exit(0)


lock = locks.read(Path(sys.argv[1])).training()
base, rows, out = sys.argv[2:]
on_card, method, train = torch.cuda.is_available(), lock.method, lock.train
torch.set_num_threads(max(1, lock.exactness.threads))
model = AutoModelForCausalLM.from_pretrained(
    base,
    dtype=getattr(torch, train.dtype),
    device_map={"": 0} if on_card else None,
    attn_implementation="sdpa",
)
trainer = SFTTrainer(
    model=model,
    args=SFTConfig(
        output_dir=out,
        per_device_train_batch_size=train.micro_batch,
        gradient_accumulation_steps=train.accumulation,
        learning_rate=train.learning_rate,
        max_length=lock.stream.max_length_tokens,
        gradient_checkpointing=train.checkpointing,
        bf16=train.dtype == "bfloat16",
        use_cpu=not on_card,
        report_to="none",
        disable_tqdm=True,
    ),
    train_dataset=load_dataset("json", data_files=rows, split="train", cache_dir=out),
    processing_class=AutoTokenizer.from_pretrained(base),
    peft_config=LoraConfig(
        task_type="CAUSAL_LM",
        r=method.rank,
        lora_alpha=method.alpha,
        lora_dropout=method.dropout,
        target_modules=list(method.targets),
    ),
    callbacks=[Ends()],
)
trainer.train()
