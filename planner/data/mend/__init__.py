"""What is done to rows before they are trained on: steps of the lock, never edits of a file."""
