"""A run followed from its events."""
