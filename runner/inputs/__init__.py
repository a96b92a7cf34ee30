"""The inputs that a lock names: located on this machine and verified."""
