"""The machine that will train."""

from lockfiles import limits
from planner.interview.questions.question import Between, Question, When

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
    Question(
        "machine.processes",
        "machine",
        "integer",
        "Processes that train together",
        "Each holds the whole model and computes its share of every step. 1 is usual; more use "
        "the cores of a large machine.",
        1,
        applies=When("machine.device", ("cpu",)),
        validate=Between(1, limits.MOST_PROCESSES),
    ),
    Question(
        "machine.price_per_hour",
        "machine",
        "number",
        "Price of the machine per hour",
        "In whatever money you pay it, for the cost of the run; 0 leaves the cost out.",
        0.0,
        applies=When("machine.device", ("cpu",), unless=True),
        validate=Between(0, 100_000),
    ),
)
