"""The kinds of stages, as far as a supervisor depends on them; imports no torch."""
