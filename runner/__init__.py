"""Runs a lock: supervisor, stages, events."""
