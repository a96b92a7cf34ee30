"""The demo's answers and a machine to plan them for, shared by the tests of plans and runs."""

from planner.interview.answers import Answers, check
from planner.machine import MachineFacts
from runner.demo import files

GIB = 1 << 30
MACHINE = MachineFacts("cpu", (), 2, 16 * GIB, 12 * GIB, 100 * GIB, "")


def answers(**changes: object) -> Answers:
    """Return the demo's answers with some changed: `train__epochs=2`."""
    named = {key.replace("__", "."): value for key, value in changes.items()}
    return check(files.ANSWERS | named, {})
