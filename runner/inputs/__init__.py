"""What a lock names, found on this machine and checked against it."""
