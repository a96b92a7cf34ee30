"""The ways in which several cards share a training."""
