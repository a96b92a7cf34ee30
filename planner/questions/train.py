"""How long and how fast training goes, and what it keeps."""

from lockfiles import limits
from planner.questions.question import Between, Question

BY_PLAN = "to let the plan choose"

QUESTIONS: tuple[Question, ...] = (
    Question(
        "train.max_length",
        "method",
        "integer",
        "Maximum length in tokens",
        "512-4096 tokens per example is usual; more needs more memory. 0 takes it from the data.",
        0,
        validate=Between(8, limits.MOST_LENGTH_TOKENS, zero=BY_PLAN),
    ),
    Question(
        "train.epochs",
        "method",
        "integer",
        "Epochs",
        "Passes over the data. 1-5 is usual; more risk overfitting, so watch the validation loss.",
        3,
        validate=Between(1, limits.MOST_EPOCHS),
    ),
    Question(
        "train.learning_rate",
        "method",
        "number",
        "Learning rate",
        "1e-5 to 3e-4 is usual. 0 uses 2e-4 for LoRA and QLoRA, and 1e-5 for full fine-tuning.",
        0.0,
        validate=Between(limits.LEAST_LEARNING_RATE, limits.MOST_LEARNING_RATE, zero=BY_PLAN),
    ),
    Question(
        "train.effective_batch",
        "method",
        "integer",
        "Effective batch size",
        "Examples in each step. 8-64 is usual; larger is more stable. Gradient accumulation "
        "reaches it on a small device.",
        16,
        validate=Between(1, limits.MOST_EFFECTIVE_BATCH),
    ),
    Question(
        "train.effective_tokens",
        "method",
        "integer",
        "Effective batch size in tokens",
        "Tokens in each step, instead of examples. 16384-65536 is usual with packing. 0 counts "
        "examples.",
        0,
        validate=Between(1, limits.MOST_EFFECTIVE_TOKENS, zero="to count examples"),
    ),
    Question(
        "train.warmup_ratio",
        "method",
        "number",
        "Warmup ratio",
        "Share of the steps in which the learning rate rises. 0.03-0.1 keeps the start stable.",
        0.03,
        validate=Between(0, limits.MOST_WARMUP_RATIO),
    ),
    Question(
        "train.weight_decay",
        "method",
        "number",
        "Weight decay",
        "0.01-0.1 regularizes; 0.01 is safe.",
        0.01,
        validate=Between(0, limits.MOST_WEIGHT_DECAY),
    ),
    Question(
        "train.seed",
        "method",
        "integer",
        "Seed",
        "Sets the order of the examples and the initial weights of the adapter.",
        17,
        validate=Between(0, limits.MOST_SEED),
    ),
    Question(
        "train.keep",
        "method",
        "choice",
        "Checkpoint to keep",
        "`best` has the lowest validation loss. `last` is from the end of training.",
        "best",
        ("best", "last"),
    ),
    Question(
        "train.exact",
        "method",
        "boolean",
        "Require bit-exact reproduction?",
        "Uses deterministic kernels, which are slower on a GPU.",
        False,
    ),
)
