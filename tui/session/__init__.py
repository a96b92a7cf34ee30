"""The interview without a screen, shared by the wizard and the prompts."""
