"""What would be `planner/objectives/double.py`."""

from dataclasses import replace

from planner.objectives import sft

OBJECTIVE = replace(sft.OBJECTIVE, name="double", title="doubled fine-tuning")
