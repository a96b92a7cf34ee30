"""The base model, pinned by its revision."""

from planner.questions.question import Matches, Question

_REVISION = Matches(
    r"[!-~]{1,200}", "a branch, tag or commit of at most 200 characters without spaces"
)

QUESTIONS: tuple[Question, ...] = (
    Question(
        "model.source",
        "model",
        "text",
        "Base model",
        "A Hub repository such as `name/model`, or a local folder with safetensors files.",
        "",
        required=True,
        is_place=True,
    ),
    Question(
        "model.revision",
        "model",
        "text",
        "Revision of the base model",
        "A branch, tag or commit on the Hub. The lock pins the commit.",
        "main",
        validate=_REVISION,
        required=True,
    ),
    Question(
        "model.template",
        "model",
        "path",
        "Chat template",
        "A Jinja file that replaces the model's chat template. If empty, the model's is used.",
        "",
    ),
)
