"""What a plan must know of an objective, a module for each."""
