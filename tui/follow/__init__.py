"""Following a run by its events."""
