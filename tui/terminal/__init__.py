"""Writing to a terminal: streams, width, units."""
