"""Trainers, and what they are held to."""
