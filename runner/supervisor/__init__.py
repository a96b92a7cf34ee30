"""Starts, watches and stops the stages of a run, without importing them."""
