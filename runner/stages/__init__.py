"""The stages of a run, one file each by its name: what it reads, does and leaves."""
