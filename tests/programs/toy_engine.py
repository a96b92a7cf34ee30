"""Adds an engine, `pair`, to the closed table, and prints what the floors make of it.

Only a module for each floor and a name in the table are added. The folder that is given gets the
demo's files.
"""

import json
import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType

from lockfiles.engines.engine import Engine
from planner.parallelism.engine import PlannedEngine
from planner.questions.question import Between, Question

ASKED = Question(
    "machine.pair_port", "machine", "integer", "Port", "1024 is usual.", 1024,
    validate=Between(1, 65535),
)  # fmt: skip
RECORDS = {
    "lockfiles.engines.pair": Engine(
        least_processes=2, most_processes=2, answers=("machine.pair_port",)
    ),
    "planner.parallelism.pair": PlannedEngine("two at a time", questions=(ASKED,)),
}
TABLE = Path(import_module("lockfiles").__path__[0]) / "engines" / "__init__.py"
LINE = '    "fsdp2",\n'


def main(folder: Path) -> None:
    """Execute the table with one more line, before anything reads it, and plan with the engine."""
    for name, record in RECORDS.items():
        sys.modules[name] = ModuleType(name)
        vars(sys.modules[name])["ENGINE"] = record
    text = TABLE.read_text("utf-8")
    assert text.count(LINE) == 1
    exec(text.replace(LINE, f'{LINE}    "pair",\n'), vars(sys.modules["lockfiles.engines"]))
    print(json.dumps(_seen(folder)))


def _seen(folder: Path) -> dict[str, object]:
    from lockfiles import lock
    from planner.interview.questions import BY_KEY, QUESTIONS
    from planner.parallelism.engines import cannot_run
    from planner.plan.gather import gather
    from planner.plan.plan import plan
    from tests.planned import MACHINE, answers, few_rows

    few_rows(folder)
    asked = answers(
        machine__device="auto", machine__processes=2, machine__parallel="pair", train__exact=False
    )
    made = plan(asked, gather(asked, folder, machine=MACHINE))
    return {
        "keys": [question.key for question in QUESTIONS],
        "choices": BY_KEY["machine.parallel"].choices,
        "same lock": lock.parse(lock.write(made)) == made,
        "parallel": made.parallel.model_dump(),
        "beyond": cannot_run("cpu", "pair", 2, "none"),
    }


if __name__ == "__main__":
    main(Path(sys.argv[1]))
