"""What a machine has, and who holds the memory of its cards."""
