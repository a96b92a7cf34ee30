"""Faults planted into real rows at known places, and how many of them the whole scan finds."""
