"""What a person meets at a terminal: command line, wizard, plain prompts, dashboard."""
