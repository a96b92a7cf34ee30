"""The guide's script and TRL's defaults, as people write them.

The guide: rows packed to blocks of 2,048 tokens, 4 blocks a batch and 4 batches a step,
checkpointing, dropout 0.05, and `prepare_model_for_kbit_training` for QLoRA. Its attention is
FlashAttention 2 where that is installed, else what transformers chooses. The defaults: `SFTConfig`
without any setting, 8 padded rows a step of at most 1,024 tokens. Both with rank 16 on all linear
layers.
"""

import tempfile
from collections.abc import Mapping, Sequence
from typing import Any

from planner.data.tokens.example import COMPLETION
from tests.gpu.speed import models, watch
from tests.gpu.speed import rows as same
from tests.gpu.speed.line import SHORTER, WARM, Line

GUIDE: Mapping[str, Any] = {
    "per_device_train_batch_size": 4,
    "gradient_accumulation_steps": 4,
    "gradient_checkpointing": True,
    "learning_rate": 2e-4,
    "lr_scheduler_type": "cosine",
    "warmup_steps": 0.03,
    "weight_decay": 0.01,
    "max_length": 2048,
    "packing": True,
    "logging_steps": 10,
}
"""Its settings by today's names."""
DROPOUT = 0.05


def guide(line: Line, steps: int) -> dict[str, Any]:
    """Return the line of the guide's script."""
    clock, of = watch.Clock(), same.first(line, steps)
    model = models.model_of(line, models.settings(line, checkpointing=True))
    attention = _attention(model)
    if line.method == "qlora":
        from peft import prepare_model_for_kbit_training

        model = prepare_model_for_kbit_training(model)
    small = {"max_length": same.LONGEST // SHORTER + 1} if line.tiny else {}
    said = {"settings": f"4 x 4 blocks of 2048, {attention}"}
    return _trained(line, clock, of, model, {**GUIDE, **small}, DROPOUT, steps, said)


def defaults(line: Line, steps: int) -> dict[str, Any]:
    """Return the line of TRL's defaults."""
    clock, of = watch.Clock(), same.first(line, steps)
    model = models.model_of(line, models.settings(line, checkpointing=True))
    said = {"settings": f"SFTConfig(), {model.config._attn_implementation}"}
    return _trained(line, clock, of, model, {}, 0.0, steps, said)


def _trained(
    line: Line, clock: watch.Clock, of: Sequence[int], model: Any, own: Mapping[str, Any],
    dropout: float, steps: int, said: dict[str, Any],
) -> dict[str, Any]:  # fmt: skip
    import torch
    from datasets import Dataset
    from peft import LoraConfig
    from trl import SFTConfig, SFTTrainer

    from runner.rehearse.job import padding

    adapter = LoraConfig(
        task_type="CAUSAL_LM", r=models.RANK, lora_alpha=2 * models.RANK, lora_dropout=dropout,
        target_modules="all-linear", bias="none",
    )  # fmt: skip
    on_card = torch.cuda.is_available()
    there = {} if on_card else {"use_cpu": True, "bf16": False}
    ids = [list(row[COMPLETION].input_ids) for row in same.rows(line, of)]
    with tempfile.TemporaryDirectory() as work:
        trainer = SFTTrainer(
            model=model,
            args=SFTConfig(
                output_dir=work, max_steps=WARM + steps, save_strategy="no",
                report_to="none", disable_tqdm=True, **own, **there,
            ),
            train_dataset=Dataset.from_dict({"input_ids": ids}),
            processing_class=padding(),
            peft_config=None if line.method == "full" else adapter,
            callbacks=[watch.callback(clock)],
        )  # fmt: skip
        batches = watch.counted(trainer)
        trainer.train()
    each = trainer.args.gradient_accumulation_steps
    tokens = [sum(batches[at : at + each]) for at in range(0, len(batches), each)]
    return watch.result(line, clock, tokens, of, said)


def _attention(model: Any) -> str:
    """Let a model use FlashAttention 2 where it is installed; return what it uses."""
    from transformers.utils import is_flash_attn_2_available

    if is_flash_attn_2_available():
        model.set_attn_implementation("flash_attention_2")
    return str(model.config._attn_implementation)
