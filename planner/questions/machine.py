"""The machine that will train."""

from lockfiles import limits
from lockfiles.engines import SPREADING
from planner.questions.question import Between, Question, When

_ON_CARDS = When("machine.device", ("cpu",), unless=True)

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
        "Each computes its share of every step; with GPUs, each has one of its own. 1 is usual; "
        "more use the cores of a large machine.",
        1,
        validate=Between(1, limits.MOST_PROCESSES),
    ),
    Question(
        "machine.parallel",
        "machine",
        "choice",
        "How they share the model",
        "With `ddp` each holds all of it; with ZeRO 1 to 3 and FSDP2 each GPU holds less, and "
        "more travels between them. `auto` shares no more than it must.",
        "auto",
        ("auto", *SPREADING),
        applies=_ON_CARDS,
    ),
    Question(
        "machine.offload",
        "machine",
        "choice",
        "What to offload to main memory",
        "The optimizer's states, or the weights too; it is slow. `auto` offloads only where "
        "several GPUs are too small.",
        "auto",
        ("auto", "none", "optimizer", "all"),
        applies=_ON_CARDS,
    ),
    Question(
        "machine.price_per_hour",
        "machine",
        "number",
        "Price of the machine per hour",
        "In whatever money you pay it, for the cost of the run; 0 leaves the cost out.",
        0.0,
        applies=_ON_CARDS,
        validate=Between(0, 100_000),
    ),
)
