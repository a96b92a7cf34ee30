"""The machine that will train."""

from planner.interview.question import Question

QUESTIONS: tuple[Question, ...] = (
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
