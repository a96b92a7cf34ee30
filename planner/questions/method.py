"""How the weights are trained: the method, its adapter and what fits on the device."""

from collections.abc import Mapping

from lockfiles import limits
from lockfiles.objectives import NAMES
from planner.questions.question import Between, Both, Question, When

OBJECTIVE = "method.objective"
"""The key of the objective."""
ADAPTER = When("method.kind", ("full",), unless=True)
"""Applies to the methods that train an adapter."""


def _several(answers: Mapping[str, object]) -> bool:
    """Return whether there are objectives to choose from."""
    return len(NAMES) > 1


QUESTIONS: tuple[Question, ...] = (
    Question(
        OBJECTIVE,
        "method",
        "choice",
        "Objective",
        "What the loss teaches; sft, supervised fine-tuning, learns the answers of conversations.",
        NAMES[0],
        NAMES,
        applies=_several,
    ),
    Question(
        "method.kind",
        "method",
        "choice",
        "Method",
        "LoRA trains small added matrices. QLoRA does so on a 4-bit base model (7-8B in 6-10 GB). "
        "Full fine-tuning trains every weight (7-8B in 60 GB or more).",
        "auto",
        ("auto", "lora", "qlora", "full"),
    ),
    Question(
        "method.rank",
        "method",
        "integer",
        "LoRA rank",
        "4-8 for style or format, 16-32 for most tasks, 64-128 for complex domains; 256 comes "
        "close to full fine-tuning. 0 lets the plan choose.",
        0,
        applies=ADAPTER,
        validate=Between(0, limits.MOST_RANK),
    ),
    Question(
        "method.alpha",
        "method",
        "integer",
        "LoRA alpha",
        "Scales the adapter. 0 uses twice the rank, which is usual.",
        0,
        applies=ADAPTER,
        validate=Between(0, limits.MOST_ALPHA),
    ),
    Question(
        "method.dropout",
        "method",
        "number",
        "LoRA dropout",
        "Regularizes the adapter, and makes steps slower. -1 lets the plan choose: 0.05, or 0 from "
        "10,000 rows on.",
        -1.0,
        applies=ADAPTER,
        validate=Between(0, limits.MOST_DROPOUT, zero="to let the plan choose", special=-1),
    ),
    Question(
        "method.targets",
        "method",
        "choice",
        "LoRA target modules",
        "`all-linear` learns best. `attention` makes a smaller adapter. With `by-hand`, you name "
        "the modules.",
        "all-linear",
        ("all-linear", "attention+mlp", "attention", "by-hand"),
        applies=ADAPTER,
    ),
    Question(
        "method.modules",
        "method",
        "names",
        "Names of the target modules",
        "As the model class names them, such as q_proj and v_proj.",
        (),
        applies=Both(ADAPTER, When("method.targets", ("by-hand",))),
    ),
    Question(
        "method.bias",
        "method",
        "choice",
        "Biases to train",
        "`none` is usual. `lora_only` trains the biases of the adapted layers, `all` every bias.",
        "none",
        ("none", "lora_only", "all"),
        applies=ADAPTER,
    ),
    Question(
        "method.micro_batch",
        "method",
        "integer",
        "Micro-batch size",
        "Examples on the device at once. More is faster but needs more memory; the result is the "
        "same. 0 lets the plan choose.",
        0,
        validate=Between(0, limits.MOST_MICRO_BATCH),
    ),
    Question(
        "method.checkpointing",
        "method",
        "choice",
        "Gradient checkpointing",
        "Saves memory but is about 20% slower.",
        "auto",
        ("auto", "on", "off"),
    ),
    Question(
        "method.packing",
        "method",
        "choice",
        "Packing",
        "Joins the rows of a step to reduce padding. What is learned stays the same.",
        "auto",
        ("auto", "on", "off"),
    ),
    Question(
        "method.compile",
        "method",
        "choice",
        "Compiled layers",
        "torch compiles the layers before the first step, which takes up to a minute. Steps on a "
        "card are then faster and need less memory.",
        "auto",
        ("auto", "on", "off"),
    ),
    Question(
        "method.cuda_graphs",
        "method",
        "choice",
        "CUDA graphs",
        "Records the passes of a step and replays them. Small models then no longer wait for the "
        "host.",
        "auto",
        ("auto", "on", "off"),
    ),
    Question(
        "method.base_products",
        "method",
        "choice",
        "Products of the base model",
        "With LoRA, `fp8` rounds the frozen weights and what they are multiplied by to 8 bits. "
        "Large models then train faster on cards with FP8 units.",
        "bf16",
        ("bf16", "fp8"),
        applies=ADAPTER,
    ),
)
