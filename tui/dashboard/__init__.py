"""The dashboard: a screen drawn from the run's snapshot."""
