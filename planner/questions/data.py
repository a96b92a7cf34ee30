"""The examples: files, their format and what is split off."""

from lockfiles import limits
from planner.data.mend.steps import BAD_ROWS, DROPPED
from planner.data.reading.bad_rows import MOST_BAD_ROWS
from planner.questions.question import Between, Each, Question, When

_COLUMNS = When("data.format", ("columns", "classification"))
_RECOGNIZED = When("data.format", ("classification",))
"""Columns are recognized unless they are named."""

QUESTIONS: tuple[Question, ...] = (
    Question(
        "data.train",
        "data",
        "path",
        "Training examples",
        "A JSONL, JSON, CSV, TSV or Parquet file, or a Hub dataset as "
        "`hf:owner/name:config:split`. "
        "Use 500 examples or more; 1000 is better.",
        "",
        required=True,
    ),
    Question(
        "data.validation",
        "data",
        "path",
        "Validation examples",
        "A file or `hf:owner/name:config:split`, used to choose the best checkpoint. If empty, "
        "some of the training examples are split off.",
        "",
    ),
    Question(
        "data.test",
        "data",
        "path",
        "Test examples",
        "A file or `hf:owner/name:config:split` that is not trained on, to measure accuracy "
        "before and after. If empty, the validation examples are used.",
        "",
    ),
    Question(
        "data.format",
        "data",
        "choice",
        "Format of the rows",
        "`auto` detects the format. `columns` takes the prompt and the answer from two columns, "
        "`classification` a text and its label.",
        "auto",
        (
            "auto",
            "messages",
            "sharegpt",
            "alpaca",
            "prompt-completion",
            "text",
            "preference",
            "feedback",
            "classification",
            "columns",
        ),
    ),
    Question(
        "data.prompt_column",
        "data",
        "text",
        "Prompt column",
        "Name of the column that holds the prompts; of a classification, the texts.",
        "",
        applies=_COLUMNS,
        required=True,
        optional=_RECOGNIZED,
    ),
    Question(
        "data.completion_column",
        "data",
        "text",
        "Answer column",
        "Name of the column that holds the wanted answers; of a classification, the labels.",
        "",
        applies=_COLUMNS,
        required=True,
        optional=_RECOGNIZED,
    ),
    Question(
        "data.system",
        "data",
        "text",
        "System message",
        "Added to each example that has none. If empty, none is added, and a classification gets "
        "an instruction.",
        "",
        most_chars=limits.MOST_SYSTEM_CHARS,
        has_lines=True,
    ),
    Question(
        "data.validation_fraction",
        "data",
        "number",
        "Fraction split off for validation",
        "Used when there is no validation file. 0.1 or 0.2 is usual (90/10 or 80/20).",
        0.1,
        applies=When("data.validation", ("",)),
        validate=Between(0, limits.MOST_FRACTION),
    ),
    Question(
        "data.drop",
        "data",
        "choices",
        "Drop rows with these problems",
        "Names as `tunelock data` reports them. The file is not modified.",
        (),
        DROPPED,
    ),
    Question(
        "data.bad_rows",
        "data",
        "number",
        "Share of bad rows that may be dropped",
        "Rows that cannot be read (`bad-rows`) are dropped up to this share of each file. With "
        "more of them, the file is refused.",
        MOST_BAD_ROWS,
        applies=When("data.drop", (BAD_ROWS,), verb="includes"),
        validate=Between(0, limits.MOST_FRACTION),
    ),
    Question(
        "data.dedupe",
        "data",
        "choice",
        "Drop duplicates",
        "Keeps the first of the rows that are the same (`exact`) or nearly the same (`near`).",
        "off",
        ("off", "exact", "near"),
    ),
    Question(
        "data.redact",
        "data",
        "boolean",
        "Redact personal data?",
        "Replaces personal data, keys and passwords with `[EMAIL]`, `[PHONE]` and so on.",
        False,
    ),
    Question(
        "data.long",
        "data",
        "choice",
        "Rows that are too long",
        "Cut them at the limit, drop them, or split long conversations into several.",
        "cut",
        ("cut", "drop", "split"),
    ),
    Question(
        "data.general",
        "data",
        "path",
        "General examples",
        "A file or `hf:owner/name:config:split` of general-purpose examples, mixed in against "
        "catastrophic forgetting. If empty, none are mixed in.",
        "",
    ),
    Question(
        "data.general_share",
        "data",
        "number",
        "Share of general examples",
        "0.05 to 0.1 of the training examples is usual.",
        0.05,
        applies=When("data.general", ("",), unless=True),
        validate=Between(0.01, limits.MOST_FRACTION),
    ),
    Question(
        "data.roles",
        "data",
        "names",
        "Roles of other speakers",
        "The role of each speaker whose name is not understood, as `npc=assistant`. Roles are "
        "system, user, assistant and tool.",
        (),
        validate=Each(
            limits.ROLE_OF_A_NAME, "must be names with a role, such as `npc=assistant`", "="
        ),
    ),
)
