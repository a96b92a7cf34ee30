"""The one list of questions, in the order in which they are asked.

The wizard, the prompts, the flags and `run.toml` are renderings of it. The help texts state the
usual values and ranges of the fine-tuning guide that this program follows.
"""

from collections.abc import Mapping

from planner.interview.question import Between, Matches, Question, When

_NAME = Matches(
    r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}",
    "letters, digits, `.`, `_` and `-`, beginning with one of the first two",
)
_HUB_NAME = Matches(
    r"[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)?",
    "a Hub repository such as `name/model`",
)
_COLUMNS = When("data.format", ("columns",))
_ADAPTER = When("method.kind", ("full",), unless=True)


def _yes_no(name: str, title: str, help: str) -> Question:
    return Question(f"goal.{name}", "goal", "boolean", title, help, False)


_GOAL = (
    Question(
        "goal.name",
        "goal",
        "text",
        "Name of the tuned model",
        "Names the run's folder and the exported files.",
        "tuned",
        validate=_NAME,
        required=True,
    ),
    Question(
        "goal.change",
        "goal",
        "choice",
        "What must change",
        "Fine-tuning gives a model new behaviour, style or format; facts belong in retrieval.",
        "behaviour",
        ("style", "behaviour", "domain"),
    ),
    Question(
        "goal.prompting",
        "goal",
        "choice",
        "How far prompting went",
        "Where instructions or a few examples in the prompt work well enough, don't fine-tune.",
        "not-tried",
        ("works", "falls-short", "not-tried"),
    ),
    _yes_no(
        "retrieval_too_costly",
        "Does retrieval add too much latency or cost?",
        "Fine-tuning is worth it when looking things up is too slow or dear in production.",
    ),
    _yes_no(
        "consistent_behaviour",
        "Must behaviour be consistent beyond what prompts guarantee?",
        "Fine-tuning makes an answer's form dependable where instructions alone do not.",
    ),
    _yes_no(
        "repetitive_task",
        "Is the task repetitive and well defined?",
        "Classification, extraction and formatting are tuned well.",
    ),
    _yes_no(
        "shorter_prompts",
        "Must prompts become shorter?",
        "A tuned model needs fewer instructions, so each request uses fewer tokens.",
    ),
    _yes_no(
        "domain_terms",
        "Are domain terms or ways of reasoning needed?",
        "Fine-tuning teaches the terminology and reasoning patterns of a domain.",
    ),
    _yes_no(
        "knowledge_changes",
        "Does the knowledge change often?",
        "Use retrieval (RAG) for facts that change: a tuned model would be retrained each time.",
    ),
    _yes_no(
        "external_information",
        "Does the model need outside information?",
        "Use tools or retrieval (RAG) for what lies outside the model and the prompt.",
    ),
    Question(
        "goal.examples_quality",
        "goal",
        "choice",
        "Quality of the examples",
        "500 or more good examples are wanted; poor ones teach their faults.",
        "good",
        ("good", "mixed", "poor"),
    ),
    Question(
        "goal.override",
        "goal",
        "text",
        "Why go on, if the verdict is against fine-tuning",
        "Leave it empty unless the verdict is against; the reason is kept in the lock.",
        "",
    ),
)

_DATA = (
    Question(
        "data.train",
        "data",
        "path",
        "Training examples",
        "A JSONL, JSON, CSV or Parquet file; at least 500 examples, better 1000 or more.",
        "",
        required=True,
    ),
    Question(
        "data.validation",
        "data",
        "path",
        "Validation examples",
        "A file held back to choose the best checkpoint; empty splits some off the training file.",
        "",
    ),
    Question(
        "data.test",
        "data",
        "path",
        "Test examples",
        "A file that training never sees, for accuracy before and after; empty uses validation.",
        "",
    ),
    Question(
        "data.format",
        "data",
        "choice",
        "Format of the rows",
        "Recognised by itself; `columns` maps two columns by hand.",
        "auto",
        ("auto", "messages", "alpaca", "prompt-completion", "columns"),
    ),
    Question(
        "data.prompt_column",
        "data",
        "text",
        "Column of the prompt",
        "The column that holds what the model is asked.",
        "",
        applies=_COLUMNS,
        required=True,
    ),
    Question(
        "data.completion_column",
        "data",
        "text",
        "Column of the answer",
        "The column that holds what the model should answer.",
        "",
        applies=_COLUMNS,
        required=True,
    ),
    Question(
        "data.system",
        "data",
        "text",
        "System message",
        "Put before each example that has none; empty adds none.",
        "",
    ),
    Question(
        "data.validation_fraction",
        "data",
        "number",
        "Share split off for validation",
        "0.1 or 0.2 is usual (90/10 or 80/20); used where no validation file is given.",
        0.1,
        applies=When("data.validation", ("",)),
        validate=Between(0, 0.5),
    ),
)

_MODEL = (
    Question(
        "model.source",
        "model",
        "text",
        "Base model",
        "A Hub repository such as `name/model`, or a local folder with safetensors.",
        "",
        required=True,
    ),
    Question(
        "model.revision",
        "model",
        "text",
        "Revision of the base model",
        "A branch, tag or commit on the Hub; the lock pins the commit.",
        "main",
        required=True,
    ),
    Question(
        "model.template",
        "model",
        "path",
        "Chat template",
        "A Jinja file to use in place of the model's own template; empty keeps the model's.",
        "",
    ),
)

_MACHINE = (
    Question(
        "machine.device",
        "machine",
        "choice",
        "Where to train",
        "`auto` takes an NVIDIA GPU where there is one, else the processor.",
        "auto",
        ("auto", "cpu", "cuda"),
    ),
    Question(
        "machine.facts",
        "machine",
        "path",
        "Saved facts of another machine",
        "A machine's JSON file, to plan for it from here; empty plans for this machine.",
        "",
    ),
)

_METHOD = (
    Question(
        "method.kind",
        "method",
        "choice",
        "Method",
        "LoRA trains small added matrices, QLoRA does so over 4-bit weights (7-8B in 6-10 GB), "
        "full trains every weight (7-8B in 60 GB or more).",
        "auto",
        ("auto", "lora", "qlora", "full"),
    ),
    Question(
        "method.rank",
        "method",
        "integer",
        "LoRA rank",
        "4-8 for style or format, 16-32 for most tasks, 64-128 for complex domains, 256 nears "
        "full fine-tuning; 0 chooses.",
        0,
        applies=_ADAPTER,
        validate=Between(0, 1024),
    ),
    Question(
        "method.alpha",
        "method",
        "integer",
        "LoRA alpha",
        "Scales the adapter, usually twice the rank; 0 makes it so.",
        0,
        applies=_ADAPTER,
        validate=Between(0, 4096),
    ),
    Question(
        "method.dropout",
        "method",
        "number",
        "LoRA dropout",
        "Regularises the adapter; 0.05 is usual.",
        0.05,
        applies=_ADAPTER,
        validate=Between(0, 0.9),
    ),
    Question(
        "method.targets",
        "method",
        "choice",
        "Layers that LoRA adapts",
        "All linear layers learn best; attention alone is smaller.",
        "all-linear",
        ("all-linear", "attention"),
        applies=_ADAPTER,
    ),
    Question(
        "method.micro_batch",
        "method",
        "integer",
        "Examples on the device at once",
        "More is faster and needs more memory, with equal results; 0 chooses what fits.",
        0,
        validate=Between(0, 1024),
    ),
    Question(
        "method.checkpointing",
        "method",
        "choice",
        "Gradient checkpointing",
        "Saves memory at about 20% of the speed.",
        "auto",
        ("auto", "on", "off"),
    ),
)

_TRAIN = (
    Question(
        "train.max_length",
        "method",
        "integer",
        "Longest example in tokens",
        "512-4096 is usual, and longer needs more memory; 0 takes it from the data.",
        0,
        validate=Between(8, 1048576, or_zero=True),
    ),
    Question(
        "train.epochs",
        "method",
        "integer",
        "Passes over the data",
        "1-5 is usual; more risk overfitting, so watch the validation loss.",
        3,
        validate=Between(1, 1000),
    ),
    Question(
        "train.learning_rate",
        "method",
        "number",
        "Learning rate",
        "1e-5 to 3e-4 is usual; 0 takes 2e-4 for LoRA and QLoRA and 1e-5 for full.",
        0.0,
        validate=Between(1e-8, 0.1, or_zero=True),
    ),
    Question(
        "train.effective_batch",
        "method",
        "integer",
        "Examples in each step",
        "8-64 is usual; larger is more stable, and accumulation reaches it on a small device.",
        16,
        validate=Between(1, 65536),
    ),
    Question(
        "train.warmup_ratio",
        "method",
        "number",
        "Share of the steps for warm-up",
        "0.03-0.1 keeps the first steps stable.",
        0.03,
        validate=Between(0, 0.9),
    ),
    Question(
        "train.weight_decay",
        "method",
        "number",
        "Weight decay",
        "0.01-0.1 regularises; 0.01 is safe.",
        0.01,
        validate=Between(0, 1),
    ),
    Question(
        "train.seed",
        "method",
        "integer",
        "Seed",
        "Fixes the order of the examples and the first weights of the adapter.",
        17,
        validate=Between(0, 2**32 - 1),
    ),
    Question(
        "train.keep",
        "method",
        "choice",
        "Checkpoint to keep",
        "`best` has the lowest validation loss; `last` is the end of training.",
        "best",
        ("best", "last"),
    ),
    Question(
        "train.exact",
        "method",
        "boolean",
        "Demand bit-exact repetition?",
        "Uses deterministic kernels, which are slower on a GPU.",
        False,
    ),
)

_RESULTS = (
    Question(
        "results.evaluate",
        "results",
        "boolean",
        "Compare base and tuned model?",
        "Measures loss and accuracy on held-out examples before and after.",
        True,
    ),
    Question(
        "results.merge",
        "results",
        "boolean",
        "Merge the adapter into the model?",
        "Makes one model folder that serves without the adapter; GGUF files need it.",
        True,
        applies=_ADAPTER,
    ),
    Question(
        "results.gguf",
        "results",
        "choices",
        "GGUF files for llama.cpp",
        "f16 is unquantised, q8_0 is near lossless, q4_k_m is the best balance.",
        (),
        ("f16", "q8_0", "q4_k_m"),
    ),
    Question(
        "results.samples",
        "results",
        "integer",
        "Held-out examples to answer at the end",
        "Shows what the tuned model says to this many; 0 shows none.",
        3,
        validate=Between(0, 1000),
    ),
    Question(
        "results.push_to",
        "results",
        "text",
        "Hub repository to push to",
        "`name/model`, with the Hub's own login; empty pushes nothing.",
        "",
        validate=_HUB_NAME,
    ),
    Question(
        "results.private",
        "results",
        "boolean",
        "Keep that repository private?",
        "Only you and your organisation see it.",
        True,
        applies=When("results.push_to", ("",), unless=True),
    ),
)

QUESTIONS: tuple[Question, ...] = (
    *_GOAL,
    *_DATA,
    *_MODEL,
    *_MACHINE,
    *_METHOD,
    *_TRAIN,
    *_RESULTS,
)
"""Every question, in order."""

BY_KEY: Mapping[str, Question] = {question.key: question for question in QUESTIONS}
"""Every question by its key."""
