"""Rows and the names of splits."""
