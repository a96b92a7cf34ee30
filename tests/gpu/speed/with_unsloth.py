"""Unsloth's fast model in TRL's trainer, with the guide's packed blocks and nothing recomputed.

Unsloth loads from a folder, so the random weights are written to disk first. It needs releases of
transformers and TRL that are older than the runner's: run its lines with `--line` in an environment
of their own.
"""

import importlib
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from planner.data.tokens.example import COMPLETION
from tests.gpu.speed import models, watch
from tests.gpu.speed import rows as same
from tests.gpu.speed.guide import GUIDE
from tests.gpu.speed.line import WARM, Line


def unsloth(line: Line, steps: int) -> dict[str, Any]:
    """Return the line of Unsloth, or one that names what is missing."""
    try:
        library = importlib.import_module("unsloth")
    except (ImportError, NotImplementedError, RuntimeError) as problem:
        return {"line": line.text, "missing": f"{type(problem).__name__}: {problem}"[:300]}
    clock, of = watch.Clock(), same.first(line, steps)
    with tempfile.TemporaryDirectory() as work:
        base = _written(line, Path(work) / "base")
        model, tokenizer = library.FastLanguageModel.from_pretrained(
            str(base), max_seq_length=same.LONGEST, load_in_4bit=line.method == "qlora",
            full_finetuning=line.method == "full", local_files_only=True,
        )  # fmt: skip
        if line.method != "full":
            model = library.FastLanguageModel.get_peft_model(
                model, r=models.RANK, lora_alpha=2 * models.RANK, lora_dropout=0, bias="none",
                use_gradient_checkpointing=False,
                target_modules=list(models.settings(line).targets),
            )  # fmt: skip
        trainer = _trainer(line, of, model, tokenizer, steps, work, clock)
        batches = watch.counted(trainer)
        trainer.train()
    each = trainer.args.gradient_accumulation_steps
    tokens = [sum(batches[at : at + each]) for at in range(0, len(batches), each)]
    version = getattr(library, "__version__", "")
    return watch.result(line, clock, tokens, of, {"settings": f"unsloth {version}, 4 x 4 blocks"})


def _trainer(
    line: Line, of: list[int], model: Any, tokenizer: Any, steps: int, work: str, clock: watch.Clock
) -> Any:
    from datasets import Dataset
    from trl import SFTConfig, SFTTrainer

    ids = [list(row[COMPLETION].input_ids) for row in same.rows(line, of)]
    own = dict(GUIDE) | {"gradient_checkpointing": False}
    return SFTTrainer(
        model=model,
        args=SFTConfig(
            output_dir=work, max_steps=WARM + steps, save_strategy="no", report_to="none",
            disable_tqdm=True, bf16=True, **own,
        ),
        train_dataset=Dataset.from_dict({"input_ids": ids}),
        processing_class=tokenizer,
        callbacks=[watch.callback(clock)],
    )  # fmt: skip


def _written(line: Line, folder: Path) -> Path:
    """Write a model with random weights and a tokenizer that can pad, in a process of its own:
    Unsloth changes transformers."""
    own = [sys.executable, "-m", "tests.gpu.speed.with_unsloth", str(folder)]
    subprocess.run([*own, json.dumps(models.config_of(line))], check=True)
    return folder


def _write(folder: Path, config: dict[str, Any]) -> None:
    import torch
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedTokenizerFast

    with torch.device("cuda" if torch.cuda.is_available() else "cpu"):
        model = AutoModelForCausalLM.from_config(
            AutoConfig.for_model(**config), dtype=torch.bfloat16
        )
    model.save_pretrained(folder)
    pad = "<pad>"
    PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer(WordLevel({pad: 0}, unk_token=pad)), pad_token=pad, eos_token=pad
    ).save_pretrained(folder)


if __name__ == "__main__":
    _write(Path(sys.argv[1]), json.loads(sys.argv[2]))
