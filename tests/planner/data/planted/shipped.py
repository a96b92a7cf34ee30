"""Files of many different rows, made of those that are shipped."""

from tests.planner.data.check_rows import INTENTS, MATHS, REAL, TASKS
from tests.planner.data.reworded_rows import many

_ROWS = 1_000
SHIPPED = {
    name: tuple(many(rows, _ROWS, words_of=REAL))
    for name, rows in {"gsm8k": MATHS, "clinc150": INTENTS, "self-instruct": TASKS}.items()
}
"""By the name of what they were made of; enough rows that none is too few."""
