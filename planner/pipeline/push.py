"""Push: to the repository that `results.push_to` names."""

from lockfiles.fixes import Answer
from planner.pipeline.kind import PlannedKind, Settings, Wanted
from planner.questions.question import Matches, Question, When

_HUB_NAME = Matches(
    r"(?!.*(--|\.\.))(?!.*(\.git|[.-])$)"
    r"[A-Za-z0-9_][A-Za-z0-9._-]{0,95}/[A-Za-z0-9_][A-Za-z0-9._-]{0,95}",
    "a Hub repository such as `name/model`",
)

QUESTIONS = (
    Question(
        "results.push_to",
        "results",
        "text",
        "Hub repository to push to",
        "`name/model`, with your Hub login. If empty, nothing is pushed.",
        "",
        validate=_HUB_NAME,
    ),
    Question(
        "results.private",
        "results",
        "boolean",
        "Make the repository private?",
        "Only you and your organization can see it.",
        True,
        applies=When("results.push_to", ("",), unless=True),
    ),
)


def _settings(wanted: Wanted) -> list[Settings]:
    repo = wanted.answers.text("results.push_to")
    return [{"to": repo, "private": wanted.answers.flag("results.private")}] if repo else []


KIND = PlannedKind(
    "results on the Hub",
    questions=QUESTIONS,
    skip=Answer("results.push_to", ""),
    settings=_settings,
    untrained_keys=("results.push_to", "results.private"),
)
