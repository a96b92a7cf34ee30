"""The machine that will train."""

from lockfiles import limits
from lockfiles.engines import SPREADING
from planner.questions.question import Between, Either, Question, When

_ON_CARDS = When("machine.device", ("cpu",), unless=True)
_SEVERAL = When("machine.processes", (1,), unless=True)

QUESTIONS: tuple[Question, ...] = (
    Question(
        "machine.device",
        "machine",
        "choice",
        "Training device",
        "`auto` uses an NVIDIA GPU if there is one, and the CPU otherwise.",
        "auto",
        ("auto", "cpu", "cuda"),
    ),
    Question(
        "machine.facts",
        "machine",
        "path",
        "Saved facts of another machine",
        "A file from `tunelock doctor --machine`, to plan for that machine. If empty, the plan is "
        "for this machine.",
        "",
    ),
    Question(
        "machine.processes",
        "machine",
        "integer",
        "Training processes",
        "Each process computes its share of every step, on its own GPU if there are GPUs. 1 is "
        "usual; use more for several GPUs or many CPU cores.",
        1,
        validate=Between(1, limits.MOST_PROCESSES),
    ),
    Question(
        "machine.nodes",
        "machine",
        "integer",
        "Machines",
        "The processes are spread evenly over this many equal machines. `tunelock launch` writes "
        "what starts them on a cluster.",
        1,
        applies=_SEVERAL,
        validate=Between(1, limits.MOST_PROCESSES),
    ),
    Question(
        "machine.parallel",
        "machine",
        "choice",
        "How processes share the model",
        "With `ddp`, each process has a full copy. ZeRO 1 to 3 and FSDP2 save memory on each GPU "
        "but add communication. `auto` shares no more than needed.",
        "auto",
        ("auto", *SPREADING),
        applies=Either(_ON_CARDS, _SEVERAL),
    ),
    Question(
        "machine.offload",
        "machine",
        "choice",
        "Offload to CPU memory",
        "The optimizer states (`optimizer`), or the weights too (`all`). Offloading is slow. "
        "`auto` uses it only if several GPUs are too small.",
        "auto",
        ("auto", "none", "optimizer", "all"),
        applies=_ON_CARDS,
    ),
    Question(
        "machine.price_per_hour",
        "machine",
        "number",
        "Price of the machine per hour",
        "In any currency, to estimate the cost of the run. 0 omits the cost.",
        0.0,
        applies=_ON_CARDS,
        validate=Between(0, 100_000),
    ),
)
