"""Shared by several commands: options, starting a run, choosing an interface."""
