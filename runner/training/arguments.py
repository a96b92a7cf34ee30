"""The settings that every trainer takes from a lock."""

from typing import Any

import torch

from planner.data.tokens.layout import evaluated_rows
from runner.training import zero
from runner.training.job import Job


def arguments(job: Job) -> dict[str, Any]:
    """Return a lock's settings for any trainer, as fields of `transformers.TrainingArguments`.

    With packing, a batch of the dataloader is an optimizer step: `Ordered` splits it.
    """
    settings, evaluated, on_cpu = job.train, bool(job.validation), not torch.cuda.is_available()
    found = {
        "output_dir": str(job.work),
        "per_device_train_batch_size": settings.micro_batch,
        "per_device_eval_batch_size": _evaluated_rows(job),
        "gradient_accumulation_steps": settings.accumulation,
        "num_train_epochs": settings.epochs,
        "learning_rate": settings.learning_rate,
        "lr_scheduler_type": settings.schedule,
        "warmup_steps": settings.warmup_ratio,
        "weight_decay": settings.weight_decay,
        "max_grad_norm": settings.gradient_clip,
        "optim": settings.optimizer,
        "bf16": settings.dtype == "bfloat16",
        "seed": settings.seed,
        "activation_checkpointing": settings.checkpointing,
        "eval_strategy": "steps" if evaluated else "no",
        "eval_steps": settings.evaluate_steps,
        "save_strategy": "steps",
        "save_steps": settings.evaluate_steps,
        "load_best_model_at_end": evaluated and settings.keep == "best",
        "metric_for_best_model": "eval_loss" if evaluated else None,
        "greater_is_better": False if evaluated else None,
        "logging_steps": 1,
        "logging_nan_inf_filter": False,
        "report_to": "none",
        "disable_tqdm": True,
        "dataloader_num_workers": 0,
        "accelerator_config": {"non_blocking": not on_cpu},
        "use_cpu": on_cpu,
    }
    if job.parallel.engine != "single":
        found |= {"ddp_find_unused_parameters": False, "ddp_broadcast_buffers": False}
        found |= {"ddp_backend": "gloo" if on_cpu else "nccl"}
    if zero.stage_of(job):  # DeepSpeed finds out itself that there is no card
        found |= {"deepspeed": zero.configuration(job), "use_cpu": False}
    if job.packing:
        step = settings.micro_batch * settings.accumulation
        found |= {"per_device_train_batch_size": step, "gradient_accumulation_steps": 1}
    return found


def _evaluated_rows(job: Job) -> int:
    """Return the rows of a batch of an evaluation: a micro-batch, or those of several passes."""
    settings = job.train
    if not (settings.pass_tokens and job.validation):
        return settings.micro_batch
    most = max(settings.pass_tokens, job.longest_of_all)
    return evaluated_rows([row.length for row in job.validation], most)
