"""Models and cards by name."""
