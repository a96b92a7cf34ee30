"""Converts conversations to token ids and labels, in training order."""
