"""Carries out a lock: supervisor, stages, events."""
