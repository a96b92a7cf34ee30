"""The examples: files, their format and what is split off."""

from planner.interview.question import Between, Question, When

_COLUMNS = When("data.format", ("columns",))

QUESTIONS: tuple[Question, ...] = (
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
