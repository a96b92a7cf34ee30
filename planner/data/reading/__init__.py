"""Reads the rows of a file in any supported format as conversations or pairs."""
