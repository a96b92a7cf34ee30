"""The steps that measure how fast a card's host CPU is (`planner.speed.host`)."""

from planner.speed.host import CONFIG, PROFILE
from runner.rehearse.case import Case

STEPS = 15
"""Optimizer steps, about two seconds in total; the first one is warm-up."""
HOST = Case(name="host", config=CONFIG, profile=PROFILE, steps=STEPS, evaluate=False)
"""The case that is run."""
