"""Answers that contradict each other."""

from lockfiles.fixes import Answer, Key

Contradiction = tuple[bool, tuple[str | Key, ...], Answer]
"""Whether it holds, its sentence, and the answer that resolves it."""
