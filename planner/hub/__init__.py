"""The Hub: its client, files and models."""
