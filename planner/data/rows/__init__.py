"""Rows and the names of their splits."""
