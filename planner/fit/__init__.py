"""What of a model's training fits on a machine, here or named, before there is any data."""
