"""Files of many different rows, made of those that are shipped."""

from functools import cache

from planner.data.rows.rows import Row
from tests.planner.data.check_rows import INTENTS, MATHS, REAL, TASKS
from tests.planner.data.reworded_rows import many

_ROWS = 1_000
SHIPPED = {"gsm8k": MATHS, "clinc150": INTENTS, "self-instruct": TASKS}
"""What they are made of."""


@cache
def shipped(name: str) -> tuple[Row, ...]:
    """Return so many rows, made of some that are shipped, that they are not too few."""
    return tuple(many(SHIPPED[name], _ROWS, words_of=REAL))
