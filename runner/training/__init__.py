"""Trainers: TRL's, with the rows, order, events and checkpoints that a lock prescribes."""
