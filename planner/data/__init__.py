"""Data: from files to the rows, tokens and findings of a run."""
