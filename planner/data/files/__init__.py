"""Readers of data files, one for each kind of file."""
