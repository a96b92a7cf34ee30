"""Trainings on several cards of one host: memory of each rank, step times, losses, and choices."""
