"""The ways in which processes share a training run."""
