"""The dashboard: a screen that is a function of the run's snapshot."""
