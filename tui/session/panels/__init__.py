"""The facts of each step, as plain text made from values that were read before."""
