"""What comes out: the comparison, the merged model, GGUF files, samples, the Hub."""

from lockfiles import limits
from planner.questions.method import ADAPTER
from planner.questions.question import Between, Matches, Question, When

_HUB_NAME = Matches(
    r"(?!.*(--|\.\.))(?!.*(\.git|[.-])$)"
    r"[A-Za-z0-9_][A-Za-z0-9._-]{0,95}/[A-Za-z0-9_][A-Za-z0-9._-]{0,95}",
    "a Hub repository such as `name/model`",
)

QUESTIONS: tuple[Question, ...] = (
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
        applies=ADAPTER,
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
        validate=Between(0, limits.MOST_SAMPLES),
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
