"""Datasets on the Hub as data files: only one split of one config at one commit."""
