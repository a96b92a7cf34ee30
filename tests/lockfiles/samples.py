"""A whole lock with made-up but possible values, for the tests of this floor."""

from typing import Any

from lockfiles.known import PACKAGES
from lockfiles.lock import REVISION, ExportLock, TrainingLock

SHA = "0123456789abcdef" * 4


def stage(kind: str, *inputs: str, **settings: object) -> dict[str, Any]:
    """Return the table of a stage that is called by its kind."""
    return {"id": kind, "kind": kind, "inputs": list(inputs), "settings": settings}


def add_push(tables: dict[str, Any], to: str) -> None:
    """Add a push of what is trained to the tables of a lock."""
    tables["stage"].insert(-1, stage("push", "train", to=to, private=True))
    tables["stage"][-1]["inputs"].append("push")


LOCK = TrainingLock.model_validate(
    {
        "version": 1,
        "revision": 3,
        "requires_runner": "0.1",
        "intent": {
            "digest": SHA,
            "name": "intents",
            "origin": {"data.train": "given", "train.epochs": "default"},
        },
        "decision": {
            "verdict": "fine-tuning",
            "reasons": ["the task is repetitive and well-defined"],
            "against": [],
            "overridden": "",
        },
        "model": {
            "source": "local:model",
            "revision": "",
            "commit": "",
            "license": "apache-2.0",
            "gated": False,
            "family": "llama",
            "parameters": 1_900_000,
            "dtype": "BF16",
            "context_tokens": 256,
            "architecture": {
                "hidden": 256,
                "layers": 3,
                "heads": 8,
                "kv_heads": 2,
                "head_dim": 32,
                "intermediate": 512,
                "vocabulary": 1024,
                "tied": True,
                "qk_norm": False,
                "bias": False,
            },
            "files": [
                {"name": "config.json", "size_bytes": 719, "sha256": SHA},
                {"name": "model.safetensors", "size_bytes": 3_800_000, "sha256": SHA},
                {"name": "tokenizer.json", "size_bytes": 21_014, "sha256": SHA},
            ],
        },
        "template": {
            "source": "model",
            "sha256": SHA,
            "date": "2024-07-26",
            "pad_id": 0,
            "end_ids": [2],
            "loss_mask": "assistant-turns-with-end",
            "golden_sha256": SHA,
        },
        "data": [
            {
                "split": "train",
                "source": "local:train",
                "format": "messages",
                "prompt_column": "",
                "completion_column": "",
                "system": "",
                "fraction": 0.0,
                "split_seed": 17,
                "rows": 675,
                "sha256": SHA,
                "tokens_sha256": SHA,
            }
        ],
        "stream": {
            "max_length_tokens": 64,
            "packing": False,
            "rows": 675,
            "tokens": 27_000,
            "scored_tokens": 3_000,
            "sha256": SHA,
            "order_sha256": [SHA],
        },
        "objective": {"name": "sft"},
        "method": {
            "kind": "lora",
            "rank": 16,
            "alpha": 32,
            "dropout": 0.05,
            "targets": ["q_proj", "v_proj"],
        },
        "train": {
            "micro_batch": 8,
            "accumulation": 2,
            "epochs": 1,
            "learning_rate": 2e-4,
            "schedule": "cosine",
            "warmup_ratio": 0.03,
            "weight_decay": 0.01,
            "gradient_clip": 1.0,
            "optimizer": "adamw_torch",
            "dtype": "float32",
            "attention": "sdpa",
            "checkpointing": False,
            "keep": "best",
            "evaluate_steps": 20,
            "seed": 17,
        },
        "parallel": {"engine": "single", "processes": 1},
        "exactness": {"exact": False, "threads": 1, "environment": {}},
        "packages": dict.fromkeys(sorted(PACKAGES), "1.0.0") | {"torch": "2.13.0"},
        "machine": {
            "kind": "cpu",
            "accelerator": "",
            "capability": "",
            "count": 0,
            "memory_bytes": 17179869184,
        },
        "prediction": {
            "estimator": "closed-form-1",
            "phase": "backward",
            "peak_bytes": 757_600_000,
            "components": {"process": 750_000_000, "weights": 7_600_000},
            "disk_bytes": 20_000_000,
        },
        "why": {"method.rank": "16-32 suits most tasks"},
        "rejected": [{"what": "full", "needed_bytes": 0, "reason": "LoRA reaches the goal"}],
        "stage": [
            stage("prepare"),
            stage("train"),
            stage("merge", "train"),
            stage("gguf", "prepare", "train", "merge", levels=["q8_0"], rows="", samples=0),
            stage("report", "prepare", "train", "merge", "gguf"),
        ],
        "integrity": dict.fromkeys(("prepare", "train", "merge", "gguf", "report"), SHA),
    }
)
_TABLES = LOCK.model_dump()
EXPORT = ExportLock.model_validate(
    {name: value for name, value in _TABLES.items() if name in ExportLock.model_fields}
    | {
        "revision": REVISION,
        "prediction": {"disk_bytes": 5_900_000},
        "why": {},
        "rejected": [],
        "stage": [
            stage("prepare"),
            stage("gguf", "prepare", levels=["q8_0"], rows="", samples=0),
            stage("report", "prepare", "gguf"),
        ],
        "integrity": dict.fromkeys(("prepare", "gguf", "report"), SHA),
    }
)
"""A lock that trains nothing."""
