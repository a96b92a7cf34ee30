"""The peak memory of one training run, in closed form, from a model's shape and a plan.

Each term counts tensors that the stack keeps: transformers' decoder layers, PEFT's LoRA layers,
TRL's tiled loss head, AdamW of torch and bitsandbytes, and the shards of DeepSpeed's ZeRO and of
FSDP2. A GPU's figure is what torch's allocator holds; a CPU's is the resident memory of the
training process. What was measured belongs to the stack, and no term is fitted to a model.
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
