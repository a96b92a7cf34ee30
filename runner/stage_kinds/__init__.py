"""The kinds of stages, as far as a supervisor depends on them: light, without torch."""
