"""Makes a lock from answers and facts."""
