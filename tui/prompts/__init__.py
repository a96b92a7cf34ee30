"""The interview as plain prompts."""
