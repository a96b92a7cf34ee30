"""What a chat template may do, and which of its characters are scored."""
