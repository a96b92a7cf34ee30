"""A training setup: the values that memory and speed depend on."""
