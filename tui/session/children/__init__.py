"""Child processes that read the data, so that the screen never waits."""
