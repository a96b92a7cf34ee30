"""Spoiled files of every kind, given to the commands that read them: `python -m tests.fuzz`."""
