"""Starts the stages of a run, watches them and stops them; loads none of them."""
