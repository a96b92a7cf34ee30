"""The run folder: its files, events, holders and results."""
