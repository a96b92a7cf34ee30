"""Facts in, lock out: what a run will do, take and promise."""
