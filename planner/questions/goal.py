"""What the tuning is for: the answers that the verdict is made of."""

from lockfiles.limits import MOST_SENTENCE_CHARS
from planner.questions.question import Matches, Question

_NAME = Matches(
    r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}",
    "at most 100 letters, digits, `.`, `_` or `-`, starting with a letter or a digit",
)


def _yes_no(name: str, title: str, help: str) -> Question:
    return Question(f"goal.{name}", "goal", "boolean", title, help, False)


QUESTIONS: tuple[Question, ...] = (
    Question(
        "goal.name",
        "goal",
        "text",
        "Name of the tuned model",
        "Names the run folder and the exported files.",
        "tuned",
        validate=_NAME,
        required=True,
    ),
    Question(
        "goal.change",
        "goal",
        "choice",
        "What should change",
        "Fine-tuning teaches behavior, style or format. For facts, use retrieval (RAG).",
        "behavior",
        ("style", "behavior", "domain"),
        earlier=(("behaviour", "behavior"),),
    ),
    Question(
        "goal.prompting",
        "goal",
        "choice",
        "Results with prompting so far",
        "If instructions or a few examples in the prompt work well enough, don't fine-tune.",
        "not-tried",
        ("works", "falls-short", "not-tried"),
    ),
    _yes_no(
        "retrieval_too_costly",
        "Does retrieval add too much latency or cost?",
        "Fine-tuning can pay off when lookups are too slow or too expensive in production.",
    ),
    _yes_no(
        "consistent_behaviour",
        "Is behavior with prompts alone too inconsistent?",
        "Fine-tuning makes the form of answers reliable where instructions alone do not.",
    ),
    _yes_no(
        "repetitive_task",
        "Is the task repetitive and well defined?",
        "Classification, extraction and formatting are good fits for fine-tuning.",
    ),
    _yes_no(
        "shorter_prompts",
        "Do prompts need to be shorter?",
        "A tuned model needs fewer instructions, so each request uses fewer tokens.",
    ),
    _yes_no(
        "domain_terms",
        "Does the task need domain terms or reasoning?",
        "Fine-tuning teaches the terminology and reasoning patterns of a domain.",
    ),
    _yes_no(
        "knowledge_changes",
        "Does the knowledge change often?",
        "Use retrieval (RAG) for facts that change. A tuned model would need retraining each time.",
    ),
    _yes_no(
        "external_information",
        "Does the model need outside information?",
        "Use tools or retrieval (RAG) for information outside the model and the prompt.",
    ),
    Question(
        "goal.examples_quality",
        "goal",
        "choice",
        "Quality of the examples",
        "Use at least 500 good examples. The model also learns the mistakes of poor ones.",
        "good",
        ("good", "mixed", "poor"),
    ),
    Question(
        "goal.override",
        "goal",
        "text",
        "Reason to fine-tune against the verdict",
        "Leave this empty unless the verdict is against fine-tuning. The lock records the reason.",
        "",
        most_chars=MOST_SENTENCE_CHARS,
    ),
)
