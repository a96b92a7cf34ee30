"""Datasets on the Hub as data files: one split of one config at one commit, and no more of it."""
