"""Readers of data files, one for each type of file."""
