"""The stages of a run, one module per kind: what it reads, does and produces."""
