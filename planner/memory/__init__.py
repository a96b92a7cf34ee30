"""Estimates the peak memory of a training run in closed form, from a model's shape and a setup.

Each term counts tensors of the training stack: transformers' decoder layers, PEFT's LoRA layers,
TRL's tiled loss head, AdamW of torch and bitsandbytes, and the shards of DeepSpeed's ZeRO and of
FSDP2. On a GPU, the result is the peak of torch's allocator; on a CPU, the resident memory of the
training process. Measured constants describe the stack; no term is fitted to a model.
"""

from planner.memory.facts import Estimate, Phase, Sized
from planner.memory.phases import ESTIMATOR, estimate
from planner.memory.trainable import trained_parameters
from planner.setup.setup import Profile

__all__ = [
    "ESTIMATOR",
    "Estimate",
    "Phase",
    "Profile",
    "Sized",
    "estimate",
    "trained_parameters",
]
