"""Cleans rows before training, as steps of the lock; files are never modified."""
