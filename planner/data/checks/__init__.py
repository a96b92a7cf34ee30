"""Checks of a data file: each sees every row once, and tells what is wrong, where, what helps."""
