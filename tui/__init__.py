"""The terminal interface: command line, wizard, plain prompts, dashboard."""
