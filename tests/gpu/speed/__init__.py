"""Tokens per second on this card: the guide's script, TRL's defaults, plans, and code written by a
person, on the same rows with random weights."""
