"""Checks of a data file: each sees every row once and reports problems, their rows and fixes."""
