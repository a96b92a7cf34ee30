"""What the tuning is for: the answers that the verdict is made of."""

from lockfiles.limits import MOST_SENTENCE_CHARS
from planner.questions.question import Matches, Question

_NAME = Matches(
    r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}",
    "at most 100 letters, digits, `.`, `_` and `-`, beginning with one of the first two",
)


def _yes_no(name: str, title: str, help: str) -> Question:
    return Question(f"goal.{name}", "goal", "boolean", title, help, False)


QUESTIONS: tuple[Question, ...] = (
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
        most_chars=MOST_SENTENCE_CHARS,
    ),
)
