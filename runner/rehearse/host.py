"""The steps that tell how fast a card's host is (`planner.speed.host`)."""

from planner.speed.host import CONFIG, PROFILE
from runner.rehearse.case import Case

STEPS = 15
"""Optimizer steps, two seconds together; the first one warms up."""
HOST = Case(name="host", config=CONFIG, profile=PROFILE, steps=STEPS, evaluate=False)
"""What is run."""
