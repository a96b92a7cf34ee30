"""Engines, by the processes that they start."""
