"""Everything that reaches a terminal goes through here: streams, width, units."""
